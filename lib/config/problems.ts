/** What is wrong with a configuration file, said so that the place and the remedy are plain and no secret is shown. */
export interface Problem {
  /**
   * Where: `upstreams.time.timeoutMs`, `servers.default.upstreams[0]`, `upstreams["odd name"]`, `(top level)`; or
   * `line 3, column 14` for what is not JSON.
   */
  readonly path: string;
  /** Completes "expected ...". */
  readonly expected: string;
  /** Completes "found ..."; absent when the path says it all. */
  readonly found?: string;
}

/** Keys from the top of the file to a value: strings in objects, numbers in lists. */
export type Keys = readonly PropertyKey[];

/** Longest text of the file that is repeated in a problem. */
const LONGEST_ECHO = 40;

/** A problem while it is still known by its keys, which a path may show shortened. */
export interface Finding extends Omit<Problem, 'path'> {
  readonly keys: Keys;
}

export function finding(keys: Keys, expected: string, found?: string): Finding {
  return { keys, expected, ...(found === undefined ? {} : { found }) };
}

/**
 * In the order of the file, and only the first finding about each value: what breaks one rule often breaks others
 * because of it.
 */
export function toProblems(findings: readonly Finding[], file: unknown): Problem[] {
  const first = new Map<string, Finding>();
  for (const item of findings) {
    const value = JSON.stringify(item.keys);
    if (!first.has(value)) first.set(value, item);
  }
  return [...first.values()]
    .map((item) => ({ item, place: placeOf(item.keys, file) }))
    .toSorted((a, b) => compare(a.place, b.place))
    .map(({ item: { keys, ...rest } }) => ({ path: pathOf(keys), ...rest }));
}

/** For each key, how many keys its object or list has before it; what is missing comes last. */
function placeOf(keys: Keys, file: unknown): number[] {
  let value = file;
  return keys.map((key) => {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    const index = entries.findIndex(([name]) => name === String(key));
    value = entries[index]?.[1];
    return index < 0 ? Infinity : index;
  });
}

function compare(a: readonly number[], b: readonly number[]): number {
  const level = a.findIndex((index, depth) => index !== b[depth]);
  if (level < 0 || level >= b.length) return a.length - b.length;
  return a[level]! - b[level]!;
}

function pathOf(keys: Keys): string {
  const path = keys.map((key) => {
    if (typeof key === 'number') return `[${key}]`;
    const name = String(key);
    return name.length <= LONGEST_ECHO && /^[\w$-]+$/.test(name) ? `.${name}` : `[${quoted(name)}]`;
  });
  return path.join('').replace(/^\./, '') || '(top level)';
}

/** Quoted for a terminal: cut when long, control and other invisible characters escaped. */
export function quoted(text: string): string {
  const shown = text.length > LONGEST_ECHO ? `${text.slice(0, LONGEST_ECHO)}...` : text;
  return JSON.stringify(shown).replace(/[\p{C}\u2028\u2029]/gu, escaped);
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

/** What a value is, without the value. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  switch (typeof value) {
    case 'string':
      return value === '' ? 'empty text' : `text of ${value.length} characters`;
    case 'object':
      return 'an object';
    default:
      return `a ${typeof value}`;
  }
}

/** The value itself when it is short and cannot be a credential, otherwise what kind it is. */
export function found(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string' || value.length > LONGEST_ECHO || value.includes('@')) return kindOf(value);
  return quoted(value);
}

/** For a terminal: a heading with the file, then one line per problem. Ends without a line break. */
export function formatProblems(problems: readonly Problem[], file: string): string {
  const heading = `${file}: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}`;
  return [heading, ...problems.map((item) => `  ${line(item)}`)].join('\n');
}

function line(item: Problem): string {
  return `${item.path}: expected ${item.expected}${item.found === undefined ? '' : `, found ${item.found}`}`;
}
