/**
 * The seed matrix: eight kinds of calls at the demo servers, of which a gateway with a pool of sessions once lost 20 to
 * 45 of each hundred. A cell knows what a right answer is.
 */
import type { Peer } from '../journeys/clients.ts';

/** The virtual servers of the matrix: fast test, fast time, and fast time over HTTP+SSE. */
export type SeedServer = 'test' | 'time' | 'sse';

export interface SeedCell {
  readonly name: string;
  readonly server: SeedServer;
  /** Calls once; `number` tells the calls of a caller apart. Rejects unless the answer is the right one. */
  call(peer: Peer, number: number): Promise<void>;
}

/** How long the slow tool takes, in milliseconds. */
const SLOW_MS = 500;

/** A clock that a tool read in the meantime is no further away than this, in milliseconds. */
const CLOCK_MS = 60_000;

export const SEED_CELLS: readonly SeedCell[] = [
  { name: 'fast test, echo', server: 'test', call: (peer, number) => echo(peer, number, 0) },
  { name: `fast test, echo after ${SLOW_MS} ms`, server: 'test', call: (peer, number) => echo(peer, number, SLOW_MS) },
  { name: 'fast test, get-stats', server: 'test', call: getStats },
  { name: 'fast test, get-system-time', server: 'test', call: (peer) => getSystemTime(peer, 'test') },
  { name: 'fast time, get-system-time', server: 'time', call: (peer) => getSystemTime(peer, 'time') },
  { name: 'fast time, convert-time', server: 'time', call: (peer, number) => convertTime(peer, 'time', number) },
  { name: 'fast time over HTTP+SSE, get-system-time', server: 'sse', call: (peer) => getSystemTime(peer, 'sse') },
  {
    name: 'fast time over HTTP+SSE, convert-time',
    server: 'sse',
    call: (peer, number) => convertTime(peer, 'sse', number),
  },
];

async function echo(peer: Peer, number: number, delay: number): Promise<void> {
  const message = `message ${number} of ${crypto.randomUUID()}`;
  expectRight((await textOf(peer, 'test__echo', { message, delay })) === message, 'another message');
}

async function getStats(peer: Peer): Promise<void> {
  const stats = JSON.parse(await textOf(peer, 'test__get_stats', {})) as {
    server?: string;
    requests_handled?: unknown;
  };
  expectRight(stats.server === 'fast-test' && typeof stats.requests_handled === 'number', 'other statistics');
}

async function getSystemTime(peer: Peer, server: SeedServer): Promise<void> {
  const time = await textOf(peer, `${server}__get_system_time`, { timezone: 'Asia/Tokyo' });
  const age = Math.abs(Date.parse(time) - Date.now());
  expectRight(time.endsWith('+09:00') && age < CLOCK_MS, 'another time');
}

async function convertTime(peer: Peer, server: SeedServer, number: number): Promise<void> {
  const minute = String(number % 60).padStart(2, '0');
  const time = await textOf(peer, `${server}__convert_time`, {
    time: `2026-01-15T10:${minute}:00Z`,
    source_timezone: 'UTC',
    target_timezone: 'Asia/Tokyo',
  });
  expectRight(time === `2026-01-15T19:${minute}:00+09:00`, 'another time');
}

async function textOf(peer: Peer, name: string, args: Record<string, unknown>): Promise<string> {
  const result = await peer.callTool({ name, arguments: args });
  const [block] = result.content as readonly { readonly text?: string }[];
  if (result.isError === true || block?.text === undefined) throw new Error(`A tool error: ${block?.text}`);
  return block.text;
}

function expectRight(right: boolean, otherwise: string): void {
  if (!right) throw new Error(`The answer is ${otherwise}`);
}
