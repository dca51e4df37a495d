import { formatTable } from './table.ts';

/** Something that the measured figures are held against. */
export interface Aim {
  readonly what: string;
  readonly measured: number;
  readonly atMost: number;
  readonly unit: string;
}

export function formatAims(aims: readonly Aim[]): string {
  const rows = aims.map((aim) => [
    aim.measured <= aim.atMost ? 'pass' : 'MISS',
    aim.what,
    `${aim.measured.toFixed(2)} ${aim.unit}`,
    `at most ${aim.atMost} ${aim.unit}`,
  ]);
  return formatTable(rows, 2);
}
