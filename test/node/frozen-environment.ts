/**
 * A thread that is frozen as an execution environment is: its event loop does not run, so that it misses what happens
 * to its connections. Told to, it freezes in a given phase of its event loop and sends a request as soon as it thaws.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { createHttpTransport } from '../../lib/adapters/node/http-transport.ts';
import { assertResponse, readText, requestTo } from './exchange.ts';

export interface FreezeOrder {
  readonly phase: 'poll' | 'check' | 'timers';
  /** Frozen until its first element is 1. */
  readonly thaw: Int32Array;
}

const { url } = workerData as { url: string };
const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
const transport = createHttpTransport();

async function call(): Promise<string> {
  const answer = await transport.send(requestTo(url, { body }));
  return answer.kind === 'failure' ? answer.cause : await readText(assertResponse(answer));
}

/** Must be called in a callback of the poll phase, as that of a message is. */
function inPhase(phase: FreezeOrder['phase'], work: () => void): void {
  if (phase === 'poll') work();
  else if (phase === 'check') setImmediate(work);
  else setTimeout(work, 1);
}

function freezeAndCall(thaw: Int32Array): void {
  parentPort?.postMessage('frozen');
  Atomics.wait(thaw, 0, 0);
  void call().then((answer) => parentPort?.postMessage(answer));
}

parentPort?.on('message', (order: 'connect' | FreezeOrder) => {
  if (order === 'connect') void call().then(() => parentPort?.postMessage('connected'));
  else inPhase(order.phase, () => freezeAndCall(order.thaw));
});
