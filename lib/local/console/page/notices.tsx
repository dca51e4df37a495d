import type { NoticeLine } from '../feed.ts';
import { timeOfDay } from './format.ts';
import type { ActionRow } from './state.ts';

interface NoticesProps {
  readonly notices: readonly NoticeLine[];
  /** Those that a notice can lead to. */
  readonly actions: readonly ActionRow[];
  readonly onOpen: (action: ActionRow) => void;
}

/** The newest first. */
export function Notices({ notices, actions, onOpen }: NoticesProps) {
  if (notices.length === 0) return <p class="empty">The gateway has had nothing to report.</p>;
  return (
    <ol class="notices">
      {notices.map(({ time, requestId, isTrouble, text }, index) => (
        <li key={notices.length - index}>
          <time>{timeOfDay(time)}</time>
          {isTrouble && <span class="badge trouble">trouble</span>}
          <p>{text}</p>
          {requestId !== null && <Request id={requestId} actions={actions} onOpen={onOpen} />}
        </li>
      ))}
    </ol>
  );
}

/** Leads to the request's action as long as that is known. */
function Request({ id, actions, onOpen }: Omit<NoticesProps, 'notices'> & { readonly id: string }) {
  const action = actions.find(({ line }) => line.requestId === id);
  if (action === undefined) return <p class="aside">request {id}</p>;
  return (
    <button type="button" class="link" onClick={() => onOpen(action)}>
      request {id}
    </button>
  );
}
