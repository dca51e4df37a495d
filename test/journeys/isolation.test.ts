/** What a modern client gets on a legacy upstream that keeps state with its sessions, as the operator has it. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  countsSessions,
  startStdioUpstream,
  startV2Upstream,
  type JourneyUpstream,
} from '../support/journey-upstreams.ts';
import { MODERN, type Traveller } from './clients.ts';
import { call } from './journey.ts';
import { startPlatform, type Platform } from './platform.ts';
import { CLOSED, OPENED } from './witness.ts';

// A modern client of a legacy command has a process started for each of its calls.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const KINDS = {
  'over Streamable HTTP': () => startV2Upstream(['legacy']),
  'over stdio': () => startStdioUpstream('v1'),
};

const MODES = ['caller', 'call', 'shared'] as const;

describe.each(Object.entries(KINDS))('a legacy upstream %s', (_, start) => {
  let upstream: JourneyUpstream;
  let platform: Platform;
  let clients: Traveller[] = [];

  beforeAll(async () => {
    upstream = await start();
    const { address, config } = upstream;
    platform = await startPlatform(
      Object.fromEntries(MODES.map((isolation) => [isolation, { address, config: { ...config, isolation } }])),
    );
  });

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await platform?.close();
    await upstream?.close();
  });

  const connectTwo = async (mode: string): Promise<Traveller[]> => {
    const pair = await Promise.all([1, 2].map(() => MODERN.connect(platform.addressOf(mode), platform.fetch)));
    clients = [...clients, ...pair];
    // What was opened to be introduced is closed by now.
    await platform.harness.settled();
    return pair;
  };

  test.each(['caller', 'call'])(
    'has a session for each anonymous call when isolated by %s, and no longer',
    async (mode) => {
      const { witness } = upstream;
      const [one, other] = await connectTwo(mode);
      const opened = witness.count(OPENED);
      const counts: string[] = [];
      for (const traveller of [one!, other!, one!]) {
        counts.push((await call({ traveller, prefix: `${mode}__` }, 'count')).content[0].text);
      }
      expect(counts).toEqual(['1', '1', '1']);
      if (countsSessions(upstream)) expect(witness.count(OPENED) - opened).toBe(3);
      await platform.harness.settled();
      await witness.until(() => witness.sessions === 0);
    },
  );

  test('has one session for everyone when it is shared, which calls do not end', async () => {
    const { witness } = upstream;
    const [one, other] = await connectTwo('shared');
    const closed = witness.count(CLOSED);
    const first = await call({ traveller: one!, prefix: 'shared__' }, 'count');
    expect(first).toMatchObject({ content: [{ text: '1' }] });
    const opened = witness.count(OPENED);
    const counts: string[] = [];
    for (const traveller of [other!, one!, other!]) {
      counts.push((await call({ traveller, prefix: 'shared__' }, 'count')).content[0].text);
    }
    expect(counts).toEqual(['2', '3', '4']);
    await platform.harness.settled();
    if (countsSessions(upstream)) {
      expect([witness.count(OPENED), witness.count(CLOSED), witness.sessions]).toEqual([opened, closed, 1]);
    }
  });
});
