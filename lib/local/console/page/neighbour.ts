import type { ActionRow } from './state.ts';

const PAGE = 10;

/**
 * Which row a key leads to from the focused one; undefined for keys that lead nowhere. The first step down selects the
 * focused row itself where none is selected.
 */
export function neighbourOf(
  rows: readonly ActionRow[],
  focused: string | undefined,
  isFirst: boolean,
  key: string,
): ActionRow | undefined {
  const here = rows.findIndex((row) => row.key === focused);
  const to = (index: number) => rows[Math.min(Math.max(index, 0), rows.length - 1)];
  switch (key) {
    case 'ArrowDown':
    case 'j':
      return to(isFirst ? here : here + 1);
    case 'ArrowUp':
    case 'k':
      return to(isFirst ? here : here - 1);
    case 'PageDown':
      return to(here + PAGE);
    case 'PageUp':
      return to(here - PAGE);
    case 'Home':
      return to(0);
    case 'End':
      return to(rows.length - 1);
    default:
      return undefined;
  }
}
