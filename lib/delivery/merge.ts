/** Several sources of replies as one, in the order in which the replies come. */
import type { Reply } from '../protocol/call.ts';

type Step = { readonly source: AsyncGenerator<Reply, void>; readonly result: IteratorResult<Reply, void> };

export function mergeReplies(sources: readonly AsyncGenerator<Reply, void>[]): AsyncGenerator<Reply, void> {
  const [only] = sources;
  return only !== undefined && sources.length === 1 ? only : merge(sources);
}

async function* merge(sources: readonly AsyncGenerator<Reply, void>[]): AsyncGenerator<Reply, void> {
  const steps = new Map(sources.map((source) => [source, step(source)]));
  try {
    while (steps.size > 0) {
      const { source, result } = await Promise.race(steps.values());
      steps.delete(source);
      if (result.done === true) continue;
      // Behind the others, so that one that always has something to say does not keep them from being heard.
      steps.set(source, step(source));
      yield result.value;
    }
  } finally {
    await Promise.all(sources.map((source) => source.return()));
  }
}

async function step(source: AsyncGenerator<Reply, void>): Promise<Step> {
  return { source, result: await source.next() };
}
