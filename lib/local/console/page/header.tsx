import type { Connection } from './feed-connection.ts';
import { counted, countOfShown, milliseconds } from './format.ts';
import { median } from './scale.ts';
import type { ActionRow, ConsoleState } from './state.ts';
import { medianUpstreamMs } from './tally.ts';

interface HeaderProps {
  readonly state: ConsoleState;
  readonly connection: Connection;
  readonly shown: readonly ActionRow[];
}

const CONNECTIONS: Readonly<Record<Connection, string>> = {
  connecting: 'connecting',
  live: 'live',
  reconnecting: 'reconnecting',
};

export function Header({ state, connection, shown }: HeaderProps) {
  return (
    <header>
      <h1>
        Sluice <span>console</span>
      </h1>
      <p class={`connection ${connection}`} role="status" aria-live="polite">
        {CONNECTIONS[connection]}
      </p>
      <Medians shown={shown} />
      <Health state={state} />
    </header>
  );
}

/** Of what is shown; of upstreams, the actions that went to one. */
function Medians({ shown }: { readonly shown: readonly ActionRow[] }) {
  const gateway = median(shown.map(({ line }) => line.gatewayMs));
  const upstream = medianUpstreamMs(shown.map(({ line }) => line));
  return (
    <dl class="figures" aria-label="Medians of the actions shown">
      <div>
        <dt>
          <span class="swatch gateway" aria-hidden="true" /> gateway p50
        </dt>
        <dd>{inMilliseconds(gateway)}</dd>
      </div>
      <div>
        <dt>
          <span class="swatch upstream" aria-hidden="true" /> upstream p50
        </dt>
        <dd>{inMilliseconds(upstream)}</dd>
      </div>
    </dl>
  );
}

function inMilliseconds(value: number | null): string {
  return value === null ? '–' : `${milliseconds(value)} ms`;
}

function Health({ state: { upstreams, environments, sessions, hasMoreSessions } }: Pick<HeaderProps, 'state'>) {
  const open = upstreams.filter(({ breaker }) => breaker !== 'closed').length;
  const busy = environments.filter(({ state }) => state !== 'frozen').length;
  return (
    <dl class="figures" aria-label="State">
      <div>
        <dt>upstreams</dt>
        <dd class={open > 0 ? 'trouble' : ''}>
          {open === 0 ? upstreams.length : `${upstreams.length}, ${counted(open, 'breaker')} open`}
        </dd>
      </div>
      <div>
        <dt>environments</dt>
        <dd>{busy === 0 ? environments.length : `${environments.length}, ${busy} busy`}</dd>
      </div>
      <div>
        <dt>sessions</dt>
        <dd>{countOfShown(sessions.length, hasMoreSessions)}</dd>
      </div>
    </dl>
  );
}
