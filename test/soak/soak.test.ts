/** A run that is far too short to say anything of the heap, and what its verdicts go by. */
import { describe, expect, test } from 'vitest';
import { newSeed } from '../support/random.ts';
import { judgeHeap } from './heap.ts';
import { formatSoak, misses, soak } from './soak.ts';

test(
  'a short run leaves no session open, and nothing in the table that does not end',
  { timeout: 120_000 },
  async () => {
    const report = await soak({ ms: 1000, leastVisits: 8, seed: newSeed(), clients: 4 });
    console.info(formatSoak(report));
    expect(misses(report)).toEqual([]);
    expect(report.sessions.opened).toBeGreaterThan(0);
    expect([...report.table.kinds.keys()]).toEqual(expect.arrayContaining(['session', 'head']));
  },
);

describe('the heap', () => {
  const samples = (bytes: (at: number) => number) =>
    Array.from({ length: 60 }, (_, index) => ({ at: index / 60, bytes: bytes(index / 60) }));

  test('grows when the last third has a tenth more than the middle third', () => {
    expect(judgeHeap(samples((at) => 1000 + 500 * at))?.grows).toBe(true);
  });

  test('does not grow when it has settled after the first third', () => {
    expect(judgeHeap(samples((at) => (at < 1 / 3 ? 1000 * at : 1000)))?.grows).toBe(false);
  });

  test('is not judged by a few samples', () => {
    expect(judgeHeap([{ at: 0.5, bytes: 1 }])).toBeUndefined();
  });
});
