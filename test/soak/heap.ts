/** How much of a thread's heap is in use, and whether that grows. */

const { setFlagsFromString } = process.getBuiltinModule('node:v8');
const { runInNewContext } = process.getBuiltinModule('node:vm');

let collect: (() => void) | undefined;

/** Bytes in use after everything else has been collected; of the calling thread alone. */
export function collectedHeap(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  return process.memoryUsage().heapUsed;
}

export interface HeapSample {
  /** When in the run: 0 at the start, 1 at the end. */
  readonly at: number;
  readonly bytes: number;
}

/** The most that the median of the last third may be, for that of the middle third. */
const MOST_GROWTH = 1.1;

export interface HeapVerdict {
  readonly samples: number;
  readonly middle: number;
  readonly last: number;
  readonly grows: boolean;
}

/** Undefined when there are too few samples to say anything. */
export function judgeHeap(samples: readonly HeapSample[]): HeapVerdict | undefined {
  const middle = samples.filter(({ at }) => at >= 1 / 3 && at < 2 / 3);
  const last = samples.filter(({ at }) => at >= 2 / 3);
  if (Math.min(middle.length, last.length) < 5) return undefined;
  const medians = { middle: median(middle), last: median(last) };
  return { samples: samples.length, ...medians, grows: medians.last > MOST_GROWTH * medians.middle };
}

function median(samples: readonly HeapSample[]): number {
  const sorted = samples.map(({ bytes }) => bytes).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
