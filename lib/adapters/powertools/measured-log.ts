import type { Action, ActionLog, Notice } from '../../ports/action-log.ts';
import type { LineWriter } from '../logging/line-writer.ts';

/** Either of what is measured; only a notice has a kind. */
export type Logged = Action | Notice;

/** An action log that remembers what there is to be measured. */
export interface MeasuredLog {
  readonly actionLog: ActionLog;
  /**
   * Writes the metrics of what was logged since the last time, at the end of an invocation: an environment that is ended
   * by force leaves its action lines, and no metrics. Never rejects; what goes wrong is a defect in the log.
   */
  readonly publish: (requestId: string) => Promise<void>;
}

/** Powertools is loaded when there is something to publish, which is after the first answer. */
export function measure(log: ActionLog, service: string, write: LineWriter): MeasuredLog {
  const logged: Logged[] = [];
  return {
    actionLog: {
      ...log,
      write(action) {
        log.write(action);
        logged.push(action);
      },
      notice(requestId, notice) {
        log.notice(requestId, notice);
        logged.push(notice);
      },
    },
    async publish(requestId) {
      const ended = logged.splice(0);
      if (ended.length === 0) return;
      try {
        const { metricLines } = await import('./metric-lines.ts');
        metricLines(ended, service).forEach(write);
      } catch (error) {
        log.defect(requestId, error);
      }
    },
  };
}
