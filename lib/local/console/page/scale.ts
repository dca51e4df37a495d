/** Scales that read well. */

/** The smallest of 1, 2 and 5 times a power of ten that is not below `value`; 1 for what is below it. */
export function roundUp(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= value) ?? 10 * power;
}

/** What the bars of a list are drawn to: a few may be longer, so that slow ones leave the others legible. */
export function scaleFor(values: readonly number[]): number {
  return roundUp(2 * (quantile(values, 0.75) ?? 0));
}

/** Between 3 and 6 ticks from 0 up to `length`, in steps of 1, 2 or 5 times a power of ten. */
export function ticksFor(length: number): { readonly step: number; readonly ticks: readonly number[] } {
  if (!(length > 0)) return { step: 1, ticks: [0] };
  const rough = length / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power;
  return { step, ticks: Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => index * step) };
}

export function median(values: readonly number[]): number | null {
  return quantile(values, 0.5);
}

/** The nearest rank: a value that is there. Null without values. */
function quantile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}
