/** The witness, from a process of its own. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Watch } from './witness.ts';

/** Where the witness listens, in the environment of a process that it watches. */
export const WITNESS_PORT = 'WITNESS_PORT';

export function watchFromAfar(): Watch {
  const socket = connect({ host: '127.0.0.1', port: Number(process.env[WITNESS_PORT]) });
  socket.unref();
  // The test may end before the process does.
  socket.on('error', () => undefined);
  const said = new Set<string>();
  let news = Promise.withResolvers<void>();
  createInterface({ input: socket })
    .on('error', () => undefined)
    .on('line', (word) => {
      said.add(word);
      news.resolve();
      news = Promise.withResolvers<void>();
    });
  return {
    note: (what) => void socket.write(`${what}\n`),
    heard: async (word) => {
      while (!said.has(word)) await news.promise;
    },
  };
}
