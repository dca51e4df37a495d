import type { Action, ActionLog, Notice } from '../../ports/action-log.ts';
import type { LineWriter } from '../logging/line-writer.ts';

/** Something that the code did not expect, whatever it was. */
export interface Defect {
  readonly kind: 'defect';
}

/** What is measured; an action alone has no kind. */
export type Logged = Action | Notice | Defect;

/** An action log that remembers what there is to be measured. */
export interface MeasuredLog {
  readonly actionLog: ActionLog;
  /**
   * Writes the metrics of what was logged since the last time, at the end of an invocation: an environment that is ended
   * by force leaves its action lines, and no metrics. `isColdStart`: it was the first of its environment, and is counted as
   * such, whether or not anything was logged. Never rejects; what goes wrong is a defect in the log.
   */
  readonly publish: (requestId: string, isColdStart?: boolean) => Promise<void>;
}

/** Powertools is loaded when there is something to publish, which is after the first answer. */
export function measure(log: ActionLog, service: string, write: LineWriter): MeasuredLog {
  const logged: Logged[] = [];
  return {
    actionLog: {
      write(action) {
        log.write(action);
        logged.push(action);
      },
      notice(requestId, notice) {
        log.notice(requestId, notice);
        logged.push(notice);
      },
      defect(requestId, error) {
        log.defect(requestId, error);
        logged.push({ kind: 'defect' });
      },
    },
    async publish(requestId, isColdStart = false) {
      const ended = logged.splice(0);
      if (ended.length === 0 && !isColdStart) return;
      try {
        const { metricLines } = await import('./metric-lines.ts');
        metricLines(ended, isColdStart, service).forEach(write);
      } catch (error) {
        log.defect(requestId, error);
      }
    },
  };
}
