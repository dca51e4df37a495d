import type { NoticeLine } from '../feed.ts';
import { timeOfDay } from './format.ts';

/** The newest first. */
export function Notices({ notices }: { readonly notices: readonly NoticeLine[] }) {
  if (notices.length === 0) return <p class="empty">The gateway has had nothing to report.</p>;
  return (
    <ol class="notices">
      {notices.map(({ time, requestId, isTrouble, text }, index) => (
        <li key={notices.length - index}>
          <time>{timeOfDay(time)}</time>
          {isTrouble && <span class="badge trouble">trouble</span>}
          <p>{text}</p>
          {requestId !== null && <p class="aside">request {requestId}</p>}
        </li>
      ))}
    </ol>
  );
}
