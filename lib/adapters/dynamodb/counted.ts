import type { StoreTally } from '../../ports/stores.ts';

/** What every answer and every exception of the SDK carries. */
interface Answered {
  readonly $metadata?: { readonly attempts?: number | undefined };
}

/** Counts a request when it is sent, and the SDK's own repetitions of it once they are known. */
export async function counted<T extends Answered>(tally: StoreTally, request: Promise<T>): Promise<T> {
  tally.requests += 1;
  try {
    const answer = await request;
    tally.requests += repetitions(answer);
    return answer;
  } catch (error) {
    tally.requests += repetitions(error as Answered | undefined);
    throw error;
  }
}

function repetitions(answered: Answered | undefined): number {
  return (answered?.$metadata?.attempts ?? 1) - 1;
}
