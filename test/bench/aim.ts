import type { Section } from './sheet.ts';

/** Something that the measured figures are held against. */
export interface Aim {
  readonly what: string;
  readonly measured: number;
  readonly atMost: number;
  readonly unit: string;
}

/** Those that were missed come first. */
export function aimSection(aims: readonly Aim[]): Section {
  const missed = aims.filter((aim) => !isMet(aim));
  const rows = [...missed, ...aims.filter(isMet)].map((aim) => [
    isMet(aim) ? 'met' : 'MISSED',
    aim.what,
    `${aim.measured.toFixed(2)} ${aim.unit}`,
    `at most ${aim.atMost} ${aim.unit}`,
  ]);
  const meaning = `What was measured, beside the most that it is to be: ${missed.length} of ${aims.length} were missed.`;
  const sheet = { meaning, header: ['', 'aim', 'measured', 'is to be'], rows, leftColumns: 2 };
  return { heading: 'Aims', sheets: [sheet] };
}

/** What was not measured has not been met; nor has what is less than nothing, which is noise. */
function isMet({ measured, atMost }: Aim): boolean {
  return measured >= 0 && measured <= atMost;
}
