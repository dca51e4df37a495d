import type { EnvironmentState, EnvironmentView } from '../feed.ts';
import { span } from './format.ts';

interface EnvironmentsProps {
  readonly environments: readonly EnvironmentView[];
  readonly now: number;
}

/** In the words of whoever waits for them: what starts is cold. */
const STATES: Readonly<Record<EnvironmentState, string>> = {
  starting: 'cold',
  busy: 'busy',
  frozen: 'frozen',
};

export function Environments({ environments, now }: EnvironmentsProps) {
  if (environments.length === 0) {
    return <p class="empty">No environment is running: the next request starts one.</p>;
  }
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Environment</th>
          <th scope="col">State</th>
          <th scope="col" class="number">
            For
          </th>
          <th scope="col" class="number">
            Invocations
          </th>
        </tr>
      </thead>
      <tbody>
        {environments.map(({ name, state, since, invocations }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              <span class={`state ${state}`}>{STATES[state]}</span>
            </td>
            <td class="number">{span(now - since)}</td>
            <td class="number">{invocations}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
