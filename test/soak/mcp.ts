/** The function with fault points, which says now and then how much of its heap is in use. */
import { signal } from '../support/signals.ts';
import { withFaultPoints } from '../faults/fault-points.ts';
import { functionOver } from '../faults/function-over.ts';
import { collectedHeap } from './heap.ts';

/** What an environment's message is called that says how much of its heap is in use, in bytes. */
const HEAP = 'heap';

/** Every so many invocations of an environment. */
const EVERY = 40;

let invocations = 0;

export const handler = functionOver(import.meta.url, (create, ports) => {
  const gateway = withFaultPoints(create, ports);
  return async (request, invocation) => {
    const response = await gateway(request, invocation);
    return {
      ...response,
      after: async () => {
        await response.after();
        invocations += 1;
        if (invocations % EVERY === 0) signal(HEAP, collectedHeap());
      },
    };
  };
});
