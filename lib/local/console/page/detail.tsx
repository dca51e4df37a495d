import type { Ref } from 'preact';
import type { ActionLine } from '../feed.ts';
import { Fields } from './fields.tsx';
import { milliseconds } from './format.ts';
import type { ConsoleState } from './state.ts';
import { TraceView } from './trace-view.tsx';

interface DetailProps {
  /** Null when none is selected. */
  readonly action: ActionLine | null;
  readonly state: ConsoleState;
  readonly heading: Ref<HTMLHeadingElement>;
  readonly onClose: () => void;
}

/** The selected action. It has its place even when there is none, so that nothing moves when one is selected. */
export function Detail({ action, state, heading, onClose }: DetailProps) {
  const onKeyDown = ({ key }: KeyboardEvent) => {
    if (key === 'Escape') onClose();
  };
  return (
    <section class="detail" aria-labelledby="detail-heading" onKeyDown={onKeyDown}>
      <div class="bar-of-title">
        <h2 id="detail-heading" ref={heading} tabIndex={-1}>
          {action === null ? 'No action selected' : (action.tool ?? action.method ?? action.requestId)}
        </h2>
        {action !== null && (
          <>
            <p>
              <span class={`outcome-${action.outcome}`}>{action.outcome}</span>, HTTP {action.status},{' '}
              {milliseconds(action.totalMs)} ms
            </p>
            <button type="button" onClick={onClose}>
              Close
            </button>
          </>
        )}
      </div>
      {action === null ? (
        <Hint />
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-label="Trace and log line">
          <h3>Trace</h3>
          {action.traceId === null ? (
            <p class="empty">This request was not traced.</p>
          ) : (
            <TraceView key={action.traceId} traceId={action.traceId} state={state} />
          )}
          <h3>Log line</h3>
          <Fields line={action} />
        </div>
      )}
    </section>
  );
}

function Hint() {
  return (
    <p class="empty">
      Select an action to see where its time went. In the list <kbd>↓</kbd> <kbd>↑</kbd> or <kbd>j</kbd> <kbd>k</kbd>{' '}
      select, <kbd>Enter</kbd> goes to the trace, <kbd>Esc</kbd> comes back.
    </p>
  );
}
