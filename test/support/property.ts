/** Options for fast-check. The seed of a run is printed; `SLUICE_SEED` repeats it. */
export function seeded(place: string, numRuns = 200): { readonly seed: number; readonly numRuns: number } {
  const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 2 ** 31);
  process.stdout.write(`${place}: SLUICE_SEED=${seed}\n`);
  return { seed, numRuns };
}
