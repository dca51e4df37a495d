import { useMemo, useRef, useState } from 'preact/hooks';
import { ActionTable } from './action-table.tsx';
import { Detail } from './detail.tsx';
import { FilterBar } from './filter-bar.tsx';
import { isShown } from './filters.ts';
import { Header } from './header.tsx';
import { Panels } from './panels.tsx';
import type { ActionRow } from './state.ts';
import { useFeed } from './use-feed.ts';
import { useFilters } from './use-filters.ts';

/** The whole page: what is chosen on it is kept here, what is known comes from the feed. */
export function Console() {
  const { state, connection } = useFeed();
  const [filters, changeFilters] = useFilters();
  /** The list as it was when it was told to hold still. */
  const [held, hold] = useState<readonly ActionRow[] | null>(null);
  /** Kept as it is, so that it stays although the list has moved on. */
  const [selected, select] = useState<ActionRow | null>(null);
  const detail = useRef<HTMLHeadingElement>(null);
  const table = useRef<HTMLTableSectionElement>(null);

  const listed = held ?? state.actions;
  const lines = useMemo(() => listed.map(({ line }) => line), [listed]);
  const shown = useMemo(() => listed.filter(({ line }) => isShown(line, filters)), [listed, filters]);
  const waiting = held === null ? 0 : countNewer(state.actions, held);

  return (
    <>
      <a class="skip" href="#actions" onClick={(event) => jump(event, table.current)}>
        Skip to the actions
      </a>
      <Header state={state} connection={connection} shown={shown} />
      <main>
        <FilterBar
          lines={lines}
          filters={filters}
          shown={shown.length}
          onChange={changeFilters}
          waiting={waiting}
          isHeld={held !== null}
          onHold={() => hold(held === null ? state.actions : null)}
        />
        <ActionTable
          rows={shown}
          total={listed.length}
          isConnected={state.snapshots > 0}
          selected={selected?.key ?? null}
          body={table}
          onSelect={select}
          onOpen={() => detail.current?.focus()}
        />
        <Detail
          action={selected?.line ?? null}
          state={state}
          heading={detail}
          onClose={() => {
            focusRow(table.current);
            select(null);
          }}
        />
      </main>
      <Panels
        state={state}
        onOpen={(action) => {
          select(action);
          detail.current?.focus();
        }}
      />
    </>
  );
}

/** How many actions have come after the newest one that is held. */
function countNewer(actions: readonly ActionRow[], held: readonly ActionRow[]): number {
  const newest = actions.findIndex(({ key }) => key === held[0]?.key);
  return newest === -1 ? actions.length : newest;
}

function focusRow(body: HTMLElement | null): void {
  body?.querySelector<HTMLElement>('tr[tabindex="0"]')?.focus();
}

/** The fragment of the address belongs to the filters. */
function jump(event: Event, body: HTMLElement | null): void {
  event.preventDefault();
  focusRow(body);
}
