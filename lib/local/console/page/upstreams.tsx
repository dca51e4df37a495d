import { useMemo } from 'preact/hooks';
import type { UpstreamView } from '../feed.ts';
import { milliseconds, until } from './format.ts';
import type { ActionRow } from './state.ts';
import { NO_CALLS, tallyByUpstream } from './tally.ts';

interface UpstreamsProps {
  readonly upstreams: readonly UpstreamView[];
  /** Of which calls, errors and times are counted. */
  readonly actions: readonly ActionRow[];
  readonly now: number;
}

/** How each upstream is, as the breaker and the actions tell. */
export function Upstreams({ upstreams, actions, now }: UpstreamsProps) {
  const tallies = useMemo(() => tallyByUpstream(actions.map(({ line }) => line)), [actions]);
  if (upstreams.length === 0) return <p class="empty">No upstream is known yet.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Upstream</th>
          <th scope="col">Breaker</th>
          <th scope="col" class="number" title="Failures since the last success">
            In a row
          </th>
          <th scope="col" class="number">
            Calls
          </th>
          <th scope="col" class="number">
            Errors
          </th>
          <th scope="col" class="number">
            p50 ms
          </th>
        </tr>
      </thead>
      <tbody>
        {upstreams.map(({ name, breaker, openUntil, failures }) => {
          const { calls, errors, upstreamMs } = tallies.get(name) ?? NO_CALLS;
          return (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class={breaker === 'closed' ? 'good' : 'trouble'}>
                {breaker}
                {openUntil !== null && <span class="aside"> {openUntil > now ? until(openUntil, now) : 'due'}</span>}
              </td>
              <td class={failures > 0 ? 'number trouble' : 'number'}>{failures}</td>
              <td class="number">{calls}</td>
              <td class={errors > 0 ? 'number trouble' : 'number'}>{errors}</td>
              <td class="number">{upstreamMs === null ? '–' : milliseconds(upstreamMs)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
