/** Rows of text in columns, the first of them the header; all but the leading ones are aligned to the right. */
export function formatTable(rows: readonly (readonly string[])[], leftColumns = 1): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const format = (cell: string, column: number): string =>
    column < leftColumns ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => `  ${row.map(format).join('  ')}`.trimEnd()).join('\n');
}

export function milliseconds(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}
