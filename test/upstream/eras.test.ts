import { describe, expect, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import type { UpstreamEraStore } from '../../lib/ports.ts';
import type { Era } from '../../lib/protocol/era.ts';
import {
  forget,
  knownVersions,
  learn,
  modernVersionsOf,
  offeredInstead,
  type EraTools,
} from '../../lib/upstream/eras.ts';
import { responseOf } from '../protocol/samples.ts';
import type { Answer } from '../support/memory-transport.ts';
import { createLegacyServer } from './legacy-server.ts';
import { connect, errorOf, jsonAnswer, linkOf, resultOf, type Answerer } from './kit.ts';

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const MINUTE = 60 * 1000;
const DAY = 24 * 60 * MINUTE;

/** An upstream that speaks some eras, may learn others, and counts how often it is asked. */
function world(...spoken: Era[]) {
  const speaks = new Set(spoken);
  const legacy = createLegacyServer();
  let outage: Answer | undefined;
  const answer: Answerer = (request, message) => {
    if (outage !== undefined) return outage;
    if (message.method === 'server/discover') {
      return speaks.has('modern')
        ? jsonAnswer(resultOf(message.id, { supportedVersions: [MODERN], capabilities: {} }))
        : jsonAnswer(errorOf(null, -32000, 'Bad Request: Mcp-Session-Id header is required'), {}, 400);
    }
    if (speaks.has('legacy')) return legacy.answer(request, message);
    return jsonAnswer(errorOf(message.id, -32602, 'params._meta is required'), {}, 400);
  };
  // Days pass here, and each call has time of its own.
  const connection = connect(answer, { limits: { totalMs: Infinity } });
  const written: { readonly eras: object; readonly expiresAt: number }[] = [];
  const { upstreamEras } = createMemoryStores()({ requests: 0 });
  const store: UpstreamEraStore = {
    read: (upstream) => upstreamEras.read(upstream),
    write(upstream, eras, expiresAt) {
      written.push({ eras, expiresAt });
      return upstreamEras.write(upstream, eras, expiresAt);
    },
  };
  return {
    ...connection,
    speaks,
    legacy,
    written,
    break: (answer: Answer) => void (outage = answer),
    mend: () => void (outage = undefined),
    /** The tools of an environment: one cache, and the store that all share. */
    environment: (): EraTools => ({
      cache: new Map(),
      store,
      ids: cryptoIds,
      connection: connection.tools,
      identity: { name: 'sluice', version: '1' },
    }),
    /** How often the upstream was asked what it speaks, by era. */
    probes: (era: Era) =>
      connection.sent().filter(({ method }) => method === (era === 'modern' ? 'server/discover' : 'initialize')).length,
    async pass(ms: number): Promise<void> {
      await connection.settle();
      connection.clock.advance(ms);
    },
  };
}

type World = ReturnType<typeof world>;

const known = (versions: readonly string[]) => ({ kind: 'known', versions });

describe('an upstream whose era is configured', () => {
  test.each([
    ['modern', [MODERN], []],
    ['legacy', [], ['2025-11-25', '2025-06-18', '2025-03-26']],
  ] as const)('as %s is never asked', async (era, modern, legacy) => {
    const on = world('modern', 'legacy');
    const [link, tools] = [linkOf({ era }), on.environment()];
    expect(await knownVersions(link, 'modern', tools)).toEqual(known(modern));
    expect(await knownVersions(link, 'legacy', tools)).toEqual(known(legacy));
    expect(on.transport.requests).toEqual([]);
  });

  test('does not have to be remembered', async () => {
    const on = world('legacy');
    expect(await offeredInstead(linkOf({ era: 'legacy' }), 'modern', on.environment())).toEqual([
      LEGACY,
      '2025-06-18',
      '2025-03-26',
    ]);
    await on.settle();
    expect(on.written).toEqual([]);
  });
});

describe('asking', () => {
  test('a modern upstream takes one request', async () => {
    const on = world('modern');
    expect(await knownVersions(on.link, 'modern', on.environment())).toEqual(known([MODERN]));
    expect(on.sent()).toMatchObject([{ method: 'server/discover' }]);
  });

  test('a legacy upstream takes a session, which is closed again', async () => {
    const on = world('legacy');
    expect(await knownVersions(on.link, 'legacy', on.environment())).toEqual(known([LEGACY]));
    await on.settle();
    expect(on.transport.requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'DELETE']);
    expect([...on.legacy.sessions]).toEqual([]);
  });

  test('introduces the gateway itself, with no capabilities', async () => {
    const on = world('modern', 'legacy');
    await knownVersions(on.link, 'modern', on.environment());
    await knownVersions(on.link, 'legacy', on.environment());
    const [discover, initialize] = on.sent();
    expect(discover?.params._meta).toMatchObject({
      'io.modelcontextprotocol/clientInfo': { name: 'sluice' },
      'io.modelcontextprotocol/clientCapabilities': {},
    });
    expect(initialize?.params).toMatchObject({ clientInfo: { name: 'sluice' }, capabilities: {} });
  });

  test('costs the call requests, but does not count as the call', async () => {
    const on = world('legacy');
    await knownVersions(on.link, 'legacy', on.environment());
    await on.settle();
    expect(on.tally).toMatchObject({ phase: 'era', sent: false, attempts: 0, cost: { requests: 2 } });
  });

  test.each(['modern', 'legacy'] as const)('an upstream that lacks the %s era finds that out', async (era) => {
    const on = world(era === 'modern' ? 'legacy' : 'modern');
    expect(await knownVersions(on.link, era, on.environment())).toEqual(known([]));
  });

  test.each([{ failure: 'unreachable', sent: false }, { status: 503 }, { status: 429 }] as const)(
    'an upstream that is down finds out nothing, and nothing is remembered: %o',
    async (answer) => {
      const on = world('modern');
      const tools = on.environment();
      on.break(answer);
      expect((await knownVersions(on.link, 'modern', tools)).kind).toBe('end');
      expect((await knownVersions(on.link, 'legacy', tools)).kind).toBe('end');
      on.mend();
      expect(await knownVersions(on.link, 'modern', tools)).toEqual(known([MODERN]));
    },
  );
});

describe('what an upstream speaks', () => {
  test.each(['modern', 'legacy'] as const)('is asked once for the %s era', async (era) => {
    const on = world(era);
    const tools = on.environment();
    for (let count = 0; count < 3; count += 1) await knownVersions(on.link, era, tools);
    expect(on.probes(era)).toBe(1);
  });

  test('is remembered for other environments', async () => {
    const on = world('modern');
    await knownVersions(on.link, 'modern', on.environment());
    await on.settle();
    expect(await knownVersions(on.link, 'modern', on.environment())).toEqual(known([MODERN]));
    expect(on.probes('modern')).toBe(1);
  });

  test('is remembered for both eras', async () => {
    const on = world('modern', 'legacy');
    const tools = on.environment();
    await knownVersions(on.link, 'modern', tools);
    await knownVersions(on.link, 'legacy', tools);
    await on.settle();
    const other = on.environment();
    expect(await knownVersions(on.link, 'modern', other)).toEqual(known([MODERN]));
    expect(await knownVersions(on.link, 'legacy', other)).toEqual(known([LEGACY]));
    expect([on.probes('modern'), on.probes('legacy')]).toEqual([1, 1]);
  });

  test('is remembered for a day, and then asked again', async () => {
    const on = world('modern');
    const tools = on.environment();
    await knownVersions(on.link, 'modern', tools);
    await on.pass(DAY - 1);
    await knownVersions(on.link, 'modern', tools);
    expect(on.probes('modern')).toBe(1);
    await on.pass(1);
    await knownVersions(on.link, 'modern', tools);
    expect(on.probes('modern')).toBe(2);
  });

  test('is stored until then', async () => {
    const on = world('modern');
    await knownVersions(on.link, 'modern', on.environment());
    await on.settle();
    const learnedAt = on.clock.now();
    expect(on.written).toEqual([{ eras: { versions: { modern: [MODERN] }, learnedAt }, expiresAt: learnedAt + DAY }]);
  });

  test('at another address is another matter', async () => {
    const on = world('modern');
    const tools = on.environment();
    await knownVersions(on.link, 'modern', tools);
    await knownVersions(linkOf({ url: 'http://127.0.0.1:9999/mcp' }), 'modern', tools);
    expect(on.probes('modern')).toBe(2);
  });

  test('is not written again when it is shown again', async () => {
    const on = world('modern');
    const tools = on.environment();
    for (let count = 0; count < 3; count += 1) learn(on.link, 'modern', [MODERN], tools);
    await on.settle();
    expect(on.written).toHaveLength(1);
  });

  test('is asked again when a call has shown that it is wrong', async () => {
    const on = world('modern', 'legacy');
    const tools = on.environment();
    await knownVersions(on.link, 'modern', tools);
    await knownVersions(on.link, 'legacy', tools);
    await on.pass(1);
    on.speaks.delete('modern');
    forget(on.link, 'modern', tools);
    await on.settle();
    expect(await knownVersions(on.link, 'modern', on.environment())).toEqual(known([]));
    expect(await knownVersions(on.link, 'legacy', tools)).toEqual(known([LEGACY]));
    expect([on.probes('modern'), on.probes('legacy')]).toEqual([2, 1]);
  });
});

describe('what an upstream lacks', () => {
  test('is told together with what it speaks instead', async () => {
    const on = world('legacy');
    expect(await offeredInstead(on.link, 'modern', on.environment())).toEqual([LEGACY]);
  });

  test('is told of a modern one as well', async () => {
    const on = world('modern');
    expect(await offeredInstead(on.link, 'legacy', on.environment())).toEqual([MODERN]);
  });

  test('is remembered for a minute', async () => {
    const on = world('legacy');
    const tools = on.environment();
    await offeredInstead(on.link, 'modern', tools);
    await on.pass(MINUTE - 1);
    expect(await knownVersions(on.link, 'modern', tools)).toEqual(known([]));
    expect(await knownVersions(on.link, 'modern', on.environment())).toEqual(known([]));
    expect(on.probes('modern')).toBe(0);
  });

  test('is asked again after that, in case it was upgraded', async () => {
    const on = world('legacy');
    const tools = on.environment();
    await offeredInstead(on.link, 'modern', tools);
    await on.pass(MINUTE + 1);
    on.speaks.add('modern');
    expect(await knownVersions(on.link, 'modern', tools)).toEqual(known([MODERN]));
  });

  test('is asked again after that however often clients ask for it meanwhile', async () => {
    const on = world('legacy');
    const tools = on.environment();
    for (let ms = 0; ms <= MINUTE; ms += 10_000) {
      expect((await knownVersions(on.link, 'modern', tools)).kind).toBe('known');
      await offeredInstead(on.link, 'modern', tools);
      await on.pass(10_000);
    }
    on.speaks.add('modern');
    expect(await knownVersions(on.link, 'modern', tools)).toEqual(known([MODERN]));
  });

  test('is asked again after that however often it shows what it speaks', async () => {
    const on = world('modern');
    const tools = on.environment();
    await offeredInstead(on.link, 'legacy', tools);
    for (let ms = 0; ms <= MINUTE; ms += 10_000) {
      learn(on.link, 'modern', [MODERN], tools);
      await on.pass(10_000);
    }
    on.speaks.add('legacy');
    expect(await knownVersions(on.link, 'legacy', tools)).toEqual(known([LEGACY]));
  });

  test.each([
    ['learned', (on: World, tools: EraTools) => learn(on.link, 'modern', ['2099-01-01'], tools)],
    ['forgotten', (on: World, tools: EraTools) => forget(on.link, 'modern', tools)],
  ] as const)('is asked again after that though something of the other era was %s meanwhile', async (_what, act) => {
    const on = world('modern');
    const tools = on.environment();
    await offeredInstead(on.link, 'legacy', tools);
    await on.pass(MINUTE + 1);
    act(on, tools);
    on.speaks.add('legacy');
    expect(await knownVersions(on.link, 'legacy', tools)).toEqual(known([LEGACY]));
  });

  test('is not remembered when it speaks nothing at all: it may be no MCP server only now', async () => {
    const on = world();
    const tools = on.environment();
    expect(await knownVersions(on.link, 'modern', tools)).toEqual(known([]));
    expect(await offeredInstead(on.link, 'modern', tools)).toEqual([]);
    await on.settle();
    expect(on.written).toEqual([]);
    on.speaks.add('modern');
    expect(await knownVersions(on.link, 'modern', tools)).toEqual(known([MODERN]));
  });

  test('is nothing that can be told of one that is down', async () => {
    const on = world('legacy');
    on.break({ failure: 'unreachable', sent: false });
    expect(await offeredInstead(on.link, 'modern', on.environment())).toEqual([]);
  });
});

describe('an answer to server/discover', () => {
  const versions = (body: object): readonly string[] =>
    modernVersionsOf({ kind: 'final', response: responseOf(JSON.stringify({ jsonrpc: '2.0', id: 1, ...body })) });

  test.each([
    [[MODERN], [MODERN]],
    [['2099-01-01', MODERN, LEGACY], [MODERN]],
    [[LEGACY], []],
    [[], []],
    [MODERN, []],
    [undefined, []],
    [[[MODERN]], []],
  ])('that offers %j offers %j', (supportedVersions, expected) => {
    expect(versions({ result: { supportedVersions } })).toEqual(expected);
  });

  test.each([
    [{ code: -32022, message: 'no', data: { supported: ['2099-01-01', MODERN] } }, [MODERN]],
    [{ code: -32022, message: 'no', data: { supported: ['2099-01-01'] } }, []],
    [{ code: -32022, message: 'no', data: { supported: MODERN } }, []],
    [{ code: -32022, message: 'no', data: null }, []],
    [{ code: -32022, message: 'no' }, []],
    [{ code: -32020, message: 'no' }, [MODERN]],
    [{ code: -32021, message: 'no' }, [MODERN]],
    [{ code: -32601, message: 'no' }, []],
    [{ code: -32000, message: 'no' }, []],
  ])('that is the error %j offers %j', (error, expected) => {
    expect(versions({ error })).toEqual(expected);
  });
});

test('an upstream that is asked by many at once is known to all of them', async () => {
  const on = world('modern', 'legacy');
  const tools = on.environment();
  const answers = await Promise.all(Array.from({ length: 5 }, () => knownVersions(on.link, 'modern', tools)));
  expect(answers).toEqual(Array.from({ length: 5 }, () => known([MODERN])));
});

test('a memory of another era does not hide that an era has not been asked for', async () => {
  const on = world('modern', 'legacy');
  const tools = on.environment();
  await knownVersions(on.link, 'legacy', tools);
  expect(await knownVersions(on.link, 'modern', tools)).toEqual(known([MODERN]));
});
