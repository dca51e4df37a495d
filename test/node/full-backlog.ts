import type { Socket } from 'node:net';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** More than a backlog of one takes. */
const FILLERS = 8;

const LISTEN_AND_BLOCK = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

/**
 * A port that listens and accepts nothing: a thread that is blocked for good, and connections that fill its backlog.
 * Further ones are left waiting by the kernel. Ends with the test.
 */
export async function listenWithoutAccepting(): Promise<number> {
  const worker = new Worker(LISTEN_AND_BLOCK, { eval: true });
  const fillers: Socket[] = [];
  onTestFinished(async () => {
    for (const filler of fillers) filler.destroy();
    await worker.terminate();
  });
  const [port] = (await once(worker, 'message')) as [number];
  for (let count = 0; count < FILLERS; count += 1) {
    // Those that the kernel leaves waiting are reset in the end.
    fillers.push(connect(port, '127.0.0.1').on('error', () => {}));
  }
  await once(fillers[0] as Socket, 'connect');
  return port;
}
