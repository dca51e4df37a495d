/** Text for a terminal. What upstreams and clients say must not move a cursor, nor fill the screen. */

const MOST_CHARS = 200;

/** On one line, in visible ASCII, and cut when it is longer than `most` characters. */
export function printable(text: string, most = MOST_CHARS): string {
  const shown = text.length > most ? `${text.slice(0, Math.max(0, most - 3))}...` : text;
  return shown.replace(/[^\x20-\x7e]/g, '?');
}

/** JSON text in which everything but visible ASCII and line breaks is escaped: the same value, without its effects. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[^\x20-\x7e\n]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A word as a shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** Rows in columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
