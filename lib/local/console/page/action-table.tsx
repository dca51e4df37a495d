import type { Ref } from 'preact';
import { useMemo } from 'preact/hooks';
import { ActionTableRow } from './action-table-row.tsx';
import { neighbourOf } from './neighbour.ts';
import { scaleFor } from './scale.ts';
import type { ActionRow } from './state.ts';

interface ActionTableProps {
  readonly rows: readonly ActionRow[];
  /** How many there are without the filters. */
  readonly total: number;
  /** Whether anything has been heard of the gateway yet. */
  readonly isConnected: boolean;
  /** Key of the selected action. */
  readonly selected: string | null;
  readonly body: Ref<HTMLTableSectionElement>;
  readonly onSelect: (row: ActionRow | null) => void;
  /** Somebody wants to read the selected one. */
  readonly onOpen: () => void;
}

/** The newest first. One row can be tabbed to, and from there on the arrow keys select. */
export function ActionTable(props: ActionTableProps) {
  const { rows, total, isConnected, selected, body, onSelect, onOpen } = props;
  const scale = useMemo(() => scaleFor(rows.map(({ line }) => line.totalMs)), [rows]);
  const reachable = rows.some(({ key }) => key === selected) ? selected : rows[0]?.key;

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    const focused = (event.target as HTMLElement).closest<HTMLElement>('tr')?.dataset['key'];
    if (key === 'Escape') onSelect(null);
    else if (key === 'Enter' || key === ' ') {
      onSelect(rows.find((row) => row.key === focused) ?? null);
      onOpen();
    } else {
      const next = neighbourOf(rows, focused, selected === null, key);
      if (next === undefined) return;
      onSelect(next);
      rowElement(event.currentTarget as HTMLElement, next.key)?.focus();
    }
    event.preventDefault();
  };
  const onClick = (event: MouseEvent) => {
    const key = (event.target as HTMLElement).closest<HTMLElement>('tr')?.dataset['key'];
    const row = rows.find((candidate) => candidate.key === key);
    if (row !== undefined) onSelect(row);
  };

  return (
    <section class="actions" aria-labelledby="actions-heading">
      <h2 id="actions-heading" class="unseen">
        Actions
      </h2>
      <div class="scroll">
        <table id="actions" role="grid" aria-labelledby="actions-heading" style={{ '--scale': scale }}>
          <thead>
            <tr>
              <th scope="col" class="time">
                Time
              </th>
              <th scope="col" class="tool">
                Tool or method
              </th>
              <th scope="col" class="upstream-name">
                Upstream
              </th>
              <th scope="col" class="outcome">
                Outcome
              </th>
              <th scope="col" class="ms">
                ms
              </th>
              <th scope="col" class="split">
                <span class="unseen">Gateway and upstream, </span>0–{scale} ms
              </th>
              <th scope="col" class="attempt" title="How many times the call was sent upstream">
                Attempts
              </th>
              <th scope="col" class="environment">
                Environment
              </th>
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={onKeyDown} onClick={onClick}>
            {rows.map(({ key, line }) => (
              <ActionTableRow
                key={key}
                id={key}
                line={line}
                isSelected={key === selected}
                isReachable={key === reachable}
              />
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p class="empty">{emptyText(isConnected, total)}</p>}
      </div>
    </section>
  );
}

function rowElement(body: HTMLElement, key: string): HTMLElement | undefined {
  return [...body.querySelectorAll<HTMLElement>('tr')].find(({ dataset }) => dataset['key'] === key);
}

function emptyText(isConnected: boolean, total: number): string {
  if (!isConnected) return 'Waiting for the gateway.';
  if (total > 0) return 'No action matches the filters.';
  return `No actions yet. What clients do at ${location.origin}/mcp shows here as it ends.`;
}
