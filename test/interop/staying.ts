/**
 * Legacy clients that keep a session for longer than they use it. The stream that tells them what happens beside their
 * calls ends and is opened again, all the time; a client must not take that for a broken session.
 */
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { LATEST_LEGACY } from '../../lib/protocol/era.ts';
import type { LoggedAction } from '../support/local-gateway.ts';
import type { ClientKind } from './clients.ts';
import { judgeJourney, type Check } from './judge.ts';
import type { Command } from './obtained.ts';
import { runProgram } from './program.ts';
import { startWorld } from './world.ts';

/** More than any client is patient with, in a row and without news. */
const STREAMS = 8;
/** The shortest that a stream is held for, in seconds; clients are back a second later. */
const HOLD_SECONDS = 1;
const LIMIT_MS = 60_000;

/** Answers each who asks once it is opened. */
interface Gate {
  readonly url: string;
  open(): void;
  close(): Promise<void>;
}

/** What each client has to show, in their order. */
export async function stay(
  clients: readonly { readonly client: ClientKind; readonly command: Command }[],
): Promise<readonly (readonly Check[])[]> {
  const [world, gate] = await Promise.all([startWorld({ holdSeconds: HOLD_SECONDS }), openGate()]);
  let running = clients.length;
  const runs = clients.map(async ({ client, command }) => {
    const mode = client.ways.find(({ version }) => version === LATEST_LEGACY)?.mode;
    const plan = { url: world.url('legacy'), tools: 'legacy__', mode, stay: gate.url };
    const ended = await runProgram([...command, JSON.stringify(plan)], { limitMs: LIMIT_MS });
    running -= 1;
    return judgeJourney(ended, { stayed: { text: 'still here' } });
  });
  // Those that have given up have ended.
  const patient = (): number => sessionsWithStreams(STREAMS, world.actions());
  await world.settled(() => patient() >= running, LIMIT_MS / 2);
  const seen = patient();
  gate.open();
  const judged = await Promise.all(runs);
  await Promise.all([world.close(), gate.close()]);
  const streams = {
    name: `${STREAMS} streams have ended`,
    problem: seen < clients.length ? `for ${seen} clients` : undefined,
  };
  return judged.map((checks) => [...checks, streams]);
}

/** How many sessions have seen so many streams end; a request that was refused was none. */
export function sessionsWithStreams(least: number, actions: readonly LoggedAction[]): number {
  const streams = new Map<string | null, number>();
  for (const { method, status, session } of actions) {
    if (method === 'GET' && status === 200) streams.set(session, (streams.get(session) ?? 0) + 1);
  }
  return [...streams.values()].filter((count) => count >= least).length;
}

async function openGate(): Promise<Gate> {
  const waiting: ServerResponse[] = [];
  let isOpen = false;
  const server = createServer((_, response) => {
    if (isOpen) response.end();
    else waiting.push(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => {
      isOpen = true;
      for (const response of waiting) response.end();
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
