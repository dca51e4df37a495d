/** Upstream sessions that could not be ended are ended later, for as long as that makes sense. */
import { describe, expect, test } from 'vitest';
import { retire } from '../../lib/gateway/retired-sessions.ts';
import { allUpstreams, newShared, Work } from '../../lib/gateway/work.ts';
import { createHousekeeper, type Housekeeping } from '../../lib/housekeeping.ts';
import type { UpstreamTransport } from '../../lib/ports/transport.ts';
import type { UpstreamSession } from '../../lib/ports/upstream-sessions.ts';
import { callTool, LEGACY, MODERN } from '../gateway/listing-fixtures.ts';
import { LEGS } from '../support/gateway-harness.ts';
import { tools } from '../support/listing-upstream.ts';
import { newInvocation, openHouse, type House } from './kit.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** After which an upstream is asked again. */
const MINUTE_MS = 60_000;

const SPEC = { era: 'legacy', tools: tools('a') } as const;

/** A sweep during which no session can be ended. */
function sweepInVain({ config, ports, clock }: House<'up'>): Promise<Housekeeping> {
  const transport: UpstreamTransport = {
    send: async (request) =>
      request.method === 'DELETE'
        ? { kind: 'failure', cause: 'reset', sent: true }
        : await ports.transport.send(request),
  };
  return createHousekeeper(config, { ...ports, transport })(newInvocation(clock));
}

/** Keys of whatever waits to be swept at some time. */
const waiting = ({ stores }: House<'up'>) => stores.upstreamSessions.expiringBetween(0, Number.MAX_SAFE_INTEGER, 10);

/** The session that a client session has at the upstream. */
async function attachedIn({ stores }: House<'up'>): Promise<UpstreamSession> {
  const [key] = await stores.clientSessions.expiringBetween(0, Number.MAX_SAFE_INTEGER, 10);
  const session = await stores.clientSessions.read(key ?? '');
  const attached = session?.upstreamSessions['up'];
  if (attached === undefined) throw new Error('Nothing is attached');
  return attached;
}

async function retireAttached(house: House<'up'>, changes: Partial<UpstreamSession> = {}): Promise<void> {
  const work = new Work(newShared(house.config, house.ports), newInvocation(house.clock), 'housekeeping');
  const [upstream] = allUpstreams(house.config);
  await retire(work, upstream!, { ...(await attachedIn(house)), ...changes });
  await work.settle();
}

describe.each(LEGS)('$name', (leg) => {
  test('a session that could not be ended when it had expired is ended by a later sweep', async () => {
    const house = await openHouse({ up: SPEC }, leg);
    const { gateway, upstreams, keepHouse, clock } = house;
    await callTool(await gateway.client.connect(LEGACY), 'up__a');
    await gateway.settled();
    clock.advance(DAY_MS + 1);
    expect((await sweepInVain(house)).swept).toEqual({ clientSessions: 1, upstreamSessions: 1 });
    expect(upstreams.up.sessions).toBe(1);
    clock.advance(MINUTE_MS - 1);
    expect((await keepHouse()).swept).toEqual({ clientSessions: 0, upstreamSessions: 0 });
    clock.advance(2);
    expect((await keepHouse()).swept).toEqual({ clientSessions: 0, upstreamSessions: 1 });
    expect(upstreams.up.sessions).toBe(0);
    expect(await waiting(house)).toEqual([]);
  });

  test('a shared session that could not be ended is ended by a later sweep', async () => {
    const house = await openHouse({ up: { ...SPEC, config: { isolation: 'shared' } } }, leg);
    const { gateway, upstreams, keepHouse, clock } = house;
    const client = await gateway.client.connect(MODERN);
    await callTool(client, 'up__a');
    await gateway.settled();
    clock.advance(DAY_MS + 1);
    await sweepInVain(house);
    // Nobody is handed the session that waits to be ended.
    await callTool(client, 'up__a');
    await gateway.settled();
    expect(upstreams.up.sessions).toBe(2);
    clock.advance(MINUTE_MS + 1);
    expect((await keepHouse()).swept.upstreamSessions).toBe(1);
    expect(upstreams.up.sessions).toBe(1);
    expect(await callTool(client, 'up__a')).toBe('up:a');
    expect(upstreams.up.sessions).toBe(1);
  });

  test('a session that can never be ended is given up after a day', async () => {
    const house = await openHouse({ up: SPEC }, leg);
    const { gateway, clock } = house;
    await callTool(await gateway.client.connect(LEGACY), 'up__a');
    await gateway.settled();
    clock.advance(DAY_MS + 1);
    await sweepInVain(house);
    for (let hours = 1; hours <= 24; hours += 1) {
      clock.advance(HOUR_MS);
      expect((await sweepInVain(house)).swept.upstreamSessions).toBe(1);
      expect(await waiting(house)).toHaveLength(1);
    }
    clock.advance(HOUR_MS);
    await sweepInVain(house);
    expect(await waiting(house)).toEqual([]);
  });

  test('a session that others may be using is ended once the longest call in it is over', async () => {
    const config = { timeoutMs: 10_000, tools: { a: { timeoutMs: 30_000 } } };
    const house = await openHouse({ up: { ...SPEC, config } }, leg);
    const { gateway, upstreams, keepHouse, clock } = house;
    await callTool(await gateway.client.connect(LEGACY), 'up__a');
    await gateway.settled();
    await retireAttached(house);
    clock.advance(29_999);
    expect((await keepHouse()).swept.upstreamSessions).toBe(0);
    expect(upstreams.up.sessions).toBe(1);
    clock.advance(2);
    expect((await keepHouse()).swept.upstreamSessions).toBe(1);
    expect(upstreams.up.sessions).toBe(0);
  });

  test('a session is ended however long ago it was opened, and by one of all who retire it', async () => {
    const house = await openHouse({ up: SPEC }, leg);
    const { gateway, upstreams, keepHouse, clock } = house;
    await callTool(await gateway.client.connect(LEGACY), 'up__a');
    await gateway.settled();
    const attachedAt = clock.now() - 30 * DAY_MS;
    await Promise.all(Array.from({ length: 5 }, () => retireAttached(house, { attachedAt, doubted: true })));
    expect(await waiting(house)).toHaveLength(1);
    clock.advance(HOUR_MS);
    const swept = await Promise.all([keepHouse(), keepHouse()]);
    expect(swept.reduce((sum, house) => sum + house.swept.upstreamSessions, 0)).toBe(1);
    expect(upstreams.up.sessions).toBe(0);
  });

  test('a session without an id is left to nobody', async () => {
    const house = await openHouse({ up: SPEC }, leg);
    await callTool(await house.gateway.client.connect(LEGACY), 'up__a');
    await house.gateway.settled();
    await retireAttached(house, { id: null });
    expect(await waiting(house)).toEqual([]);
  });
});
