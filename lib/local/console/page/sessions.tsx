import type { SessionView } from '../feed.ts';
import { ago, until } from './format.ts';

/** Client sessions by the hashes that the log has for them. */
export function Sessions({ sessions, now }: { readonly sessions: readonly SessionView[]; readonly now: number }) {
  if (sessions.length === 0) return <p class="empty">No client has a session. Modern clients need none.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Session</th>
          <th scope="col">Client, upstreams</th>
          <th scope="col" class="number">
            Last seen
          </th>
          <th scope="col" class="number">
            Ends
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map(({ hash, server, protocolVersion, client, lastSeenAt, expiresAt, upstreams }) => (
          <tr key={hash}>
            <th scope="row" class="hash">
              {hash}
              <span class="below">{server}</span>
            </th>
            <td>
              {client ?? <span class="aside">no name</span>} <span class="aside">{protocolVersion}</span>
              <span class="below">{upstreams.length === 0 ? 'no upstream yet' : upstreams.join(', ')}</span>
            </td>
            <td class="number">{ago(lastSeenAt, now)}</td>
            <td class="number">{until(expiresAt, now)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
