/** A table of figures with what it means, for a terminal and for a document. */
import { formatTable } from './table.ts';

export interface Sheet {
  /** What sets it apart from the other sheets of its section, if there are any. */
  readonly title?: string;
  /** What the figures are, in which unit, and what they mean. */
  readonly meaning: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How many columns at the start hold words; the others hold figures. One when left out. */
  readonly leftColumns?: number;
}

/** Figures about one thing. */
export interface Section {
  readonly heading: string;
  /** What there is to say before the tables, a paragraph each. */
  readonly words?: readonly string[];
  readonly sheets: readonly Sheet[];
}

const WIDTH = 120;

/** For a terminal. */
export function formatSection({ heading, words = [], sheets }: Section): string {
  const parts = [...words.map(wrap), ...sheets.map(formatSheet)];
  return [heading, '-'.repeat(heading.length), parts.join('\n\n')].join('\n');
}

function formatSheet({ title, meaning, header, rows, leftColumns = 1 }: Sheet): string {
  const table = formatTable([header, ...rows], leftColumns);
  return [...(title === undefined ? [] : [title]), wrap(meaning), table].join('\n');
}

/** In Markdown, as the formatter of this project would have it. */
export function documentSection({ heading, words = [], sheets }: Section): string {
  return [`## ${heading}`, ...words.map(wrap), ...sheets.map(documentSheet)].join('\n\n');
}

function documentSheet({ title, meaning, header, rows, leftColumns = 1 }: Sheet): string {
  const heading = title === undefined ? [] : [`### ${title}`];
  return [...heading, wrap(meaning), documentTable([header, ...rows], leftColumns)].join('\n\n');
}

function documentTable(rows: readonly (readonly string[])[], leftColumns: number): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const cells = rows.map((row) => Array.from({ length: columns }, (_, column) => escape(row[column] ?? '')));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(NARROWEST, ...cells.map((row) => row[column]!.length)),
  );
  const isLeft = (column: number): boolean => column < leftColumns;
  const lines = cells.map((row) =>
    row.map((cell, column) => (isLeft(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))),
  );
  const rule = widths.map((width, column) => (isLeft(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [lines[0]!, rule, ...lines.slice(1)].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Room for `--:`. */
const NARROWEST = 3;

function escape(cell: string): string {
  return cell.replace(/[|<*_\\]/g, (character) => `\\${character}`);
}

/** Breaks a paragraph into lines that are not too long. */
export function wrap(paragraph: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
