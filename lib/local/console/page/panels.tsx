import type { ComponentChild } from 'preact';
import { useState } from 'preact/hooks';
import { Catalog } from './catalog.tsx';
import { Environments } from './environments.tsx';
import { countOfShown } from './format.ts';
import { Notices } from './notices.tsx';
import { Sessions } from './sessions.tsx';
import type { ActionRow, ConsoleState } from './state.ts';
import { Upstreams } from './upstreams.tsx';
import { useNow } from './use-now.ts';

interface Panel {
  readonly name: string;
  /** Null where a number would say nothing. */
  readonly count: (state: ConsoleState) => string | number | null;
  readonly show: (state: ConsoleState, now: number, onOpen: PanelsProps['onOpen']) => ComponentChild;
}

interface PanelsProps {
  readonly state: ConsoleState;
  /** Somebody wants to see an action. */
  readonly onOpen: (action: ActionRow) => void;
}

const PANELS: readonly Panel[] = [
  {
    name: 'Health',
    count: () => null,
    show: ({ upstreams, environments, actions }, now) => (
      <>
        <h3>Upstreams</h3>
        <Upstreams upstreams={upstreams} actions={actions} now={now} />
        <h3>Environments</h3>
        <Environments environments={environments} now={now} />
      </>
    ),
  },
  {
    name: 'Sessions',
    count: ({ sessions, hasMoreSessions }) => countOfShown(sessions.length, hasMoreSessions),
    show: ({ sessions }, now) => <Sessions sessions={sessions} now={now} />,
  },
  {
    name: 'Catalog',
    count: ({ catalog }) => catalog.length,
    show: ({ catalog }, now) => <Catalog catalog={catalog} now={now} />,
  },
  {
    name: 'Notices',
    count: ({ notices }) => notices.length,
    show: ({ notices, actions }, _now, onOpen) => <Notices notices={notices} actions={actions} onOpen={onOpen} />,
  },
];

/** What the gateway knows beside the actions, a tab for each. The arrow keys go from tab to tab. */
export function Panels({ state, onOpen }: PanelsProps) {
  const [chosen, choose] = useState(0);
  const now = useNow();
  const onKeyDown = (event: KeyboardEvent) => {
    const next = tabFor(event.key, chosen);
    if (next === undefined) return;
    event.preventDefault();
    choose(next);
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role="tab"]')[next]?.focus();
  };
  return (
    <aside aria-labelledby="state-heading">
      <h2 id="state-heading" class="unseen">
        State of the gateway
      </h2>
      <div role="tablist" aria-label="State of the gateway" onKeyDown={onKeyDown}>
        {PANELS.map(({ name, count }, index) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${index}`}
            aria-selected={index === chosen}
            aria-controls="panel"
            tabIndex={index === chosen ? 0 : -1}
            onClick={() => choose(index)}
          >
            {name} <span class="aside">{count(state)}</span>
          </button>
        ))}
      </div>
      <div id="panel" role="tabpanel" class="scroll" tabIndex={0} aria-labelledby={`tab-${chosen}`}>
        {PANELS[chosen]?.show(state, now, onOpen)}
      </div>
    </aside>
  );
}

function tabFor(key: string, chosen: number): number | undefined {
  switch (key) {
    case 'ArrowRight':
      return (chosen + 1) % PANELS.length;
    case 'ArrowLeft':
      return (chosen + PANELS.length - 1) % PANELS.length;
    case 'Home':
      return 0;
    case 'End':
      return PANELS.length - 1;
    default:
      return undefined;
  }
}
