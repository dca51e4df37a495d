/** Which actions are shown, and how that stands in the address. */
import type { Outcome } from '../../../ports/action-log.ts';
import type { ActionLine } from '../feed.ts';

/** Null for what is not asked for. */
export interface Filters {
  readonly tool: string | null;
  readonly method: string | null;
  /** An outcome, or `TROUBLE`. */
  readonly outcome: string | null;
  readonly session: string | null;
  readonly upstream: string | null;
}

/** Any outcome but `ok`. */
export const TROUBLE = 'not-ok';

const OUTCOMES: Readonly<Record<Outcome, null>> = {
  ok: null,
  'tool-error': null,
  error: null,
  refused: null,
  cancelled: null,
  'input-required': null,
};

export const NO_FILTERS: Filters = { tool: null, method: null, outcome: null, session: null, upstream: null };

const NAMES = Object.keys(NO_FILTERS) as (keyof Filters)[];

export function isShown(line: ActionLine, filters: Filters): boolean {
  return NAMES.every((name) => {
    const wanted = filters[name];
    if (wanted === null) return true;
    if (name === 'outcome' && wanted === TROUBLE) return line.outcome !== 'ok';
    return line[name] === wanted;
  });
}

export function isAny(filters: Filters): boolean {
  return NAMES.some((name) => filters[name] !== null);
}

/** What can be chosen from: whatever occurs in `lines`, and what is chosen already, in order. */
export function choicesOf(lines: readonly ActionLine[], filters: Filters, name: keyof Filters): readonly string[] {
  const known = name === 'outcome' ? Object.keys(OUTCOMES) : lines.map((line) => line[name]);
  const choices = new Set([...known, filters[name]].filter((choice) => choice !== null));
  choices.delete(TROUBLE);
  return name === 'outcome' ? [...choices] : [...choices].toSorted();
}

/** As the fragment of an address, without its `#`; empty when nothing is asked for. */
export function toFragment(filters: Filters): string {
  const wanted = NAMES.map((name): [string, string | null] => [name, filters[name]]);
  return new URLSearchParams(wanted.filter((pair): pair is [string, string] => pair[1] !== null)).toString();
}

/** Takes a fragment with or without its `#`; what it does not know is left out. */
export function fromFragment(fragment: string): Filters {
  const given = new URLSearchParams(fragment.replace(/^#/, ''));
  return {
    tool: given.get('tool'),
    method: given.get('method'),
    outcome: given.get('outcome'),
    session: given.get('session'),
    upstream: given.get('upstream'),
  };
}
