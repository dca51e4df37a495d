import type { ServerResponse } from 'node:http';
import type { Clock } from '../../ports.ts';
import type { Console } from './console.ts';

/**
 * Whoever is so far behind when there is more to say, in bytes, is let go: a page comes back by itself, and begins with
 * what is known then. A single event may have any length.
 */
const MOST_BEHIND = 4 * 1024 * 1024;
const HEARTBEAT_MS = 15_000;
/** After so many milliseconds a page comes back. */
const RETRY_MS = 1000;

/** Sends the feed for as long as its reader is there, which may be never. The head of the response is to be written already. */
export function streamFeed(console: Console, response: ServerResponse, { schedule }: Pick<Clock, 'schedule'>): void {
  // A reader that left while it waited for the gateway to start has closed already, and nothing would end its watch.
  if (response.destroyed) return;
  const send = (text: string): void => {
    if (response.destroyed) return;
    if (response.writableLength > MOST_BEHIND) response.destroy();
    else response.write(text);
  };
  const { snapshot, end } = console.watch((name, data) => send(eventText(name, data)));
  send(`retry: ${RETRY_MS}\n\n${eventText('snapshot', snapshot)}`);
  let cancel = (): void => {};
  const beat = (): void => {
    send(': still here\n\n');
    cancel = schedule(HEARTBEAT_MS, beat);
  };
  cancel = schedule(HEARTBEAT_MS, beat);
  response.on('close', () => {
    cancel();
    end();
  });
  // A broken connection is what `close` tells.
  response.on('error', () => undefined);
}

/** JSON has no line breaks of its own, so an event is one line. */
function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
