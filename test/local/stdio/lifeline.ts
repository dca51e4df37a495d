/**
 * A fixture's connection to its test: names the process, carries words both ways, and is closed by the system when the
 * process ends, whatever ends it.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const socket = connect({ host: '127.0.0.1', port: Number(process.env['LIFELINE']) });
socket.unref();
socket.write(`${process.argv[2] ?? 'fixture'} ${process.pid}\n`);

// The test may end before the process does.
socket.on('error', () => undefined);

const waiting = new Map<string, () => void>();
createInterface({ input: socket })
  .on('line', (word) => waiting.get(word)?.())
  .on('error', () => undefined);

export function say(word: string): void {
  socket.write(`${word}\n`);
}

/** Settles when the test says the word, from now on. */
export function heard(word: string): Promise<void> {
  return new Promise((resolve) => {
    waiting.set(word, resolve);
  });
}
