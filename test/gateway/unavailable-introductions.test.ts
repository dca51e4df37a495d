/** How the gateway introduces itself for several upstreams, some of which are slow, down or unwilling. */
import { describe, expect, test } from 'vitest';
import { initializeMessage, LEGS, type GatewayClient, type Harness } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { modernRequest } from '../support/wire.ts';
import { prompts, tools, type Script } from '../support/listing-upstream.ts';
import { callTool, LEGACY, MODERN, namesIn, openListing, PAIRS } from './listing-fixtures.ts';

/** JSON as tests look into it. */
type AnyJson = any;

const listChanged = true;
const ASSUMED = { tools: { listChanged }, prompts: { listChanged }, resources: { listChanged }, completions: {} };

/** The first word between a client and the gateway, whatever comes back. */
async function introduce(client: GatewayClient, revision: string): Promise<AnyJson> {
  if (revision !== MODERN) return (await client.post(initializeMessage(revision))).messages[0];
  const { body, headers } = modernRequest('server/discover');
  return (await client.post(body, headers)).messages[0];
}

function introductions(gateway: Harness) {
  return gateway.notices.filter((notice) => notice.kind === 'upstream-unavailable');
}

function specsOf(era: 'modern' | 'legacy' | 'both') {
  const kept = { era, ttlMs: 60_000, cacheScope: 'public' as const };
  return {
    one: { ...kept, tools: tools('a'), instructions: 'Be kind.' },
    bad: { ...kept, prompts: prompts('p'), instructions: 'Be quick.' },
    two: { ...kept, tools: tools('a'), instructions: 'Be exact.' },
  };
}

const EVERYONE = '# one (one__*)\n\nBe kind.\n\n# bad (bad__*)\n\nBe quick.\n\n# two (two__*)\n\nBe exact.';
const WITHOUT_BAD = '# one (one__*)\n\nBe kind.\n\n# two (two__*)\n\nBe exact.';

const HANDSHAKES = ['initialize', 'server/discover'];
const status500: Script = ({ response }) => void response.writeHead(500).end();

describe.each(LEGS)('$name', (leg) => {
  describe.each(PAIRS)('a client of $revision on upstreams of the kind $era', ({ revision, era }) => {
    test('hears what all upstreams can do together, and the instructions of each under its name', async () => {
      const { gateway } = await openListing(specsOf(era), { leg });
      const { result } = await introduce(gateway.client, revision);
      expect(result.capabilities).toEqual({ tools: { listChanged }, prompts: { listChanged }, completions: {} });
      expect(result.instructions).toBe(EVERYONE);
      expect(gateway.notices).toEqual([]);
      if (revision === MODERN) {
        expect(result.supportedVersions).toEqual(['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26']);
        expect(result.ttlMs).toBeGreaterThan(0);
        expect(result.cacheScope).toBe(era === 'legacy' ? 'private' : 'public');
      } else {
        expect(result.protocolVersion).toBe(revision);
      }
    });

    test('is welcome while one upstream is down, which then counts as having what most have', async () => {
      const { gateway, upstreams } = await openListing(specsOf(era), { leg });
      await upstreams.bad.stop();
      const { result } = await introduce(gateway.client, revision);
      expect(result.capabilities).toEqual(ASSUMED);
      expect(result.instructions).toBe(WITHOUT_BAD);
      if (revision === MODERN) expect(result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
      expect(introductions(gateway)).toEqual([
        { kind: 'upstream-unavailable', upstream: 'bad', member: 'introduction', reason: 'upstream-unreachable' },
      ]);
      await gateway.settled();
      await upstreams.bad.start();
      expect((await introduce(gateway.client, revision)).result.instructions).toBe(EVERYONE);
    });

    test('is welcome within 2 s while one upstream says nothing, whatever the others said before', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock });
      for (const method of HANDSHAKES) upstreams.bad.on(method, status500);
      await introduce(gateway.client, revision);
      await gateway.settled();
      for (const method of HANDSHAKES) upstreams.bad.asUsual(method);
      const held = HANDSHAKES.map((method) => upstreams.bad.hold(method));
      const welcome = introduce(gateway.client, revision);
      await Promise.race(held.map(({ entered }) => entered));
      clock.advance(2000);
      const { result } = await welcome;
      expect(result.capabilities).toEqual(ASSUMED);
      expect(result.instructions).toBe(WITHOUT_BAD);
      if (revision === MODERN) expect(result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
    });

    test('is welcome while every upstream is down, and reaches them when they are back', async () => {
      const { gateway, upstreams } = await openListing(specsOf(era), { leg });
      for (const upstream of Object.values(upstreams)) await upstream.stop();
      const peer = await gateway.client.connect(revision);
      if (revision !== MODERN) expect(peer.initialized.capabilities).toEqual(ASSUMED);
      const { result } = await introduce(gateway.client, revision);
      expect(result.capabilities).toEqual(ASSUMED);
      expect(result).not.toHaveProperty('instructions');
      for (const upstream of Object.values(upstreams)) await upstream.start();
      expect(await namesIn(peer)).toEqual(['one__a', 'two__a']);
      expect(await callTool(peer, 'two__a')).toBe('two:a');
    });
  });

  describe.each([MODERN, LEGACY])('a %s client', (revision) => {
    test('is welcome while one upstream answers its introduction with garbage', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      for (const method of HANDSHAKES) {
        upstreams.bad.on(method, ({ response }) => {
          response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc');
        });
      }
      const { result } = await introduce(gateway.client, revision);
      expect(result.instructions).toBe(WITHOUT_BAD);
      expect(result.capabilities).toEqual(ASSUMED);
      expect(introductions(gateway)).toHaveLength(1);
    });

    test('is welcome while one upstream refuses it, and hears nothing of the refusal', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      for (const method of HANDSHAKES) upstreams.bad.on(method, ({ fail }) => fail(-32603, 'No more guests'));
      const { result } = await introduce(gateway.client, revision);
      expect(result.instructions).toBe(WITHOUT_BAD);
      expect(introductions(gateway)).toMatchObject([{ upstream: 'bad', reason: expect.stringMatching(/./) }]);
    });

    test('is not promised what cannot be carried, by whatever upstream it is declared', async () => {
      const capabilities = {
        tools: { listChanged: true },
        tasks: { list: {} },
        resources: { subscribe: true },
        logging: {},
      };
      const { gateway } = await openListing(
        { one: { tools: tools('a'), capabilities }, two: { tools: tools('b') } },
        { leg },
      );
      const { result } = await introduce(gateway.client, revision);
      expect(result.capabilities).toEqual({
        tools: { listChanged },
        resources: { listChanged, subscribe: true },
        logging: {},
      });
    });

    test('gets instructions of an upstream without prefix under its name alone', async () => {
      const specs = {
        plain: { tools: tools('a'), instructions: 'Bare.', config: { prefix: '' } },
        silent: { tools: tools('b') },
      };
      const { gateway } = await openListing(specs, { leg });
      const { result } = await introduce(gateway.client, revision);
      expect(result.instructions).toBe('# plain\n\nBare.');
    });

    test('has the upstreams asked once for all environments while what they said is fresh', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      await introduce(gateway.environments[0]!, revision);
      await gateway.settled();
      const before = Object.values(upstreams).map(({ heard }) => heard.length);
      const { result } = await introduce(gateway.environments[1]!, revision);
      expect(result.instructions).toBe(EVERYONE);
      expect(Object.values(upstreams).map(({ heard }) => heard.length)).toEqual(before);
    });
  });

  test('a legacy client finds the upstream sessions that were opened for its introduction in use', async () => {
    const { gateway, upstreams } = await openListing(specsOf('legacy'), { leg });
    const peer = await gateway.client.connect(LEGACY);
    await callTool(peer, 'one__a');
    await callTool(peer, 'two__a');
    expect(upstreams.one.of('initialize')).toHaveLength(1);
    expect(upstreams.two.of('initialize')).toHaveLength(1);
    const another = await gateway.client.connect(LEGACY);
    expect(upstreams.one.of('initialize')).toHaveLength(1);
    await callTool(another, 'one__a');
    expect(upstreams.one.of('initialize')).toHaveLength(2);
    const [first, second] = upstreams.one.of('tools/call').map(({ sessionId }) => sessionId);
    expect(first).not.toBe(second);
  });

  test('no upstream session is left behind when every session of the client ends', async () => {
    const { gateway, upstreams } = await openListing(specsOf('legacy'), { leg });
    const peers = [await gateway.client.connect(LEGACY), await gateway.client.connect(LEGACY)];
    for (const peer of peers) await callTool(peer, 'two__a');
    for (const peer of peers) await peer.terminate();
    await gateway.settled();
    expect(Object.values(upstreams).map(({ sessions }) => sessions)).toEqual([0, 0, 0]);
  });

  test('an upstream session that is opened too late for an introduction is closed again', async () => {
    const clock = createManualClock();
    const { gateway, upstreams } = await openListing(
      { one: specsOf('legacy').one, bad: specsOf('legacy').bad },
      { leg, clock },
    );
    const gate = upstreams.bad.hold('notifications/initialized');
    const welcome = introduce(gateway.client, LEGACY);
    await gate.entered;
    clock.advance(2000);
    expect((await welcome).result).toBeDefined();
    gate.release();
    await gateway.settled();
    expect(upstreams.bad.sessions).toBe(0);
  });
});
