import { describe, expect, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import type { UpstreamEraStore } from '../../lib/ports/upstream-eras.ts';
import type { Era } from '../../lib/protocol/era.ts';
import {
  forget,
  hasUnlearned,
  lacksLegacy,
  learn,
  legacyTransport,
  modernVersions,
  modernVersionsOf,
  type EraTools,
  type Lesson,
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
    /** How often the upstream was asked whether it speaks the modern era. */
    probes: () => connection.sent().filter(({ method }) => method === 'server/discover').length,
    async pass(ms: number): Promise<void> {
      await connection.settle();
      connection.clock.advance(ms);
    },
  };
}

type World = ReturnType<typeof world>;

const known = (versions: readonly string[]) => ({ kind: 'known', versions });

/** What is learned of an upstream that refuses one era and then speaks the other. */
const LACKS_MODERN: Lesson = { versions: { modern: [], legacy: [LEGACY] }, transport: 'http' };
const LACKS_LEGACY: Lesson = { versions: { modern: [MODERN], legacy: [] } };

describe('an upstream whose era is configured', () => {
  test.each([
    ['modern', [MODERN], true],
    ['legacy', [], false],
  ] as const)('as %s is never asked', async (era, modern, lacks) => {
    const on = world('modern', 'legacy');
    const [link, tools] = [linkOf({ era }), on.environment()];
    expect(await modernVersions(link, tools)).toEqual(known(modern));
    expect(await lacksLegacy(link, tools)).toBe(lacks);
    expect(await hasUnlearned(link, tools)).toBe(false);
    expect(on.transport.requests).toEqual([]);
  });

  test('does not have to be remembered', async () => {
    const on = world('modern');
    await modernVersions(linkOf({ era: 'modern' }), on.environment());
    await on.settle();
    expect(on.written).toEqual([]);
  });

  test.each([LACKS_MODERN, LACKS_LEGACY])('is what is configured, whatever was remembered: %j', async (lesson) => {
    const on = world();
    const tools = on.environment();
    learn(on.link, lesson, tools);
    expect(await modernVersions(linkOf({ era: 'modern' }), tools)).toEqual(known([MODERN]));
    expect(await modernVersions(linkOf({ era: 'legacy' }), tools)).toEqual(known([]));
    expect(await lacksLegacy(linkOf({ era: 'legacy' }), tools)).toBe(false);
  });
});

describe('asking for the modern era', () => {
  test('takes one request', async () => {
    const on = world('modern');
    expect(await modernVersions(on.link, on.environment())).toEqual(known([MODERN]));
    expect(on.sent()).toMatchObject([{ method: 'server/discover' }]);
  });

  test('introduces the gateway itself, with no capabilities', async () => {
    const on = world('modern');
    await modernVersions(on.link, on.environment());
    expect(on.sent()[0]?.params._meta).toMatchObject({
      'io.modelcontextprotocol/clientInfo': { name: 'sluice' },
      'io.modelcontextprotocol/clientCapabilities': {},
    });
  });

  test('costs the call a request, but does not count as the call', async () => {
    const on = world('modern');
    await modernVersions(on.link, on.environment());
    await on.settle();
    expect(on.tally).toMatchObject({ phase: 'era', sent: false, attempts: 0, cost: { requests: 1 } });
  });

  test('finds out that an upstream lacks it', async () => {
    const on = world('legacy');
    expect(await modernVersions(on.link, on.environment())).toEqual(known([]));
  });

  test.each([{ failure: 'unreachable', sent: false }, { status: 503 }, { status: 429 }] as const)(
    'finds out nothing of an upstream that is down, and nothing is remembered: %o',
    async (answer) => {
      const on = world('modern');
      const tools = on.environment();
      on.break(answer);
      expect((await modernVersions(on.link, tools)).kind).toBe('end');
      await on.settle();
      expect(on.written).toEqual([]);
      on.mend();
      expect(await modernVersions(on.link, tools)).toEqual(known([MODERN]));
    },
  );
});

describe('that an upstream speaks the modern era', () => {
  test('is asked once', async () => {
    const on = world('modern');
    const tools = on.environment();
    for (let count = 0; count < 3; count += 1) await modernVersions(on.link, tools);
    expect(on.probes()).toBe(1);
  });

  test('is remembered for other environments', async () => {
    const on = world('modern');
    await modernVersions(on.link, on.environment());
    await on.settle();
    expect(await modernVersions(on.link, on.environment())).toEqual(known([MODERN]));
    expect(on.probes()).toBe(1);
  });

  test('is remembered for a day, and then asked again', async () => {
    const on = world('modern');
    const tools = on.environment();
    await modernVersions(on.link, tools);
    await on.pass(DAY - 1);
    await modernVersions(on.link, tools);
    expect(on.probes()).toBe(1);
    await on.pass(1);
    await modernVersions(on.link, tools);
    expect(on.probes()).toBe(2);
  });

  test('is stored until then', async () => {
    const on = world('modern');
    await modernVersions(on.link, on.environment());
    await on.settle();
    const learnedAt = on.clock.now();
    expect(on.written).toEqual([{ eras: { versions: { modern: [MODERN] }, learnedAt }, expiresAt: learnedAt + DAY }]);
  });

  test('is another matter at another address', async () => {
    const on = world('modern');
    const tools = on.environment();
    await modernVersions(on.link, tools);
    await modernVersions(linkOf({ url: 'http://127.0.0.1:9999/mcp' }), tools);
    expect(on.probes()).toBe(2);
  });

  test('is another matter with other headers, and the same in whatever order they are written', async () => {
    const on = world('modern');
    const tools = on.environment();
    const withHeaders = (headers: object) => modernVersions(linkOf({ headers }), tools);
    await modernVersions(on.link, tools);
    await withHeaders({ 'x-tenant': 'a', 'x-region': 'b' });
    expect(on.probes()).toBe(2);
    await withHeaders({ 'x-region': 'b', 'x-tenant': 'a' });
    expect(on.probes()).toBe(2);
  });

  test('is not hidden by what is remembered of the other era', async () => {
    const on = world('modern', 'legacy');
    const tools = on.environment();
    learn(on.link, { versions: { legacy: [LEGACY] }, transport: 'http' }, tools);
    expect(await modernVersions(on.link, tools)).toEqual(known([MODERN]));
  });

  test('is known to all that ask for it at once', async () => {
    const on = world('modern', 'legacy');
    const tools = on.environment();
    const answers = await Promise.all(Array.from({ length: 5 }, () => modernVersions(on.link, tools)));
    expect(answers).toEqual(Array.from({ length: 5 }, () => known([MODERN])));
  });
});

describe('what a conversation has shown', () => {
  test.each([
    ['an era', { versions: { legacy: [LEGACY] } }],
    ['a lack', { versions: { modern: [] } }],
    ['an era and how to reach it', { versions: { legacy: ['2024-11-05'] }, transport: 'sse' }],
  ] as const)('is stored with its date: %s', async (_what, lesson) => {
    const on = world();
    learn(on.link, lesson, on.environment());
    await on.settle();
    const learnedAt = on.clock.now();
    expect(on.written).toEqual([{ eras: { ...lesson, learnedAt }, expiresAt: learnedAt + DAY }]);
  });

  test('is put to what is known of the other era', async () => {
    const on = world();
    const tools = on.environment();
    learn(on.link, { versions: { legacy: [LEGACY] }, transport: 'http' }, tools);
    learn(on.link, { versions: { modern: [] } }, tools);
    await on.settle();
    expect(on.written.at(-1)?.eras).toMatchObject(LACKS_MODERN);
  });

  test('is not written again when it is shown again', async () => {
    const on = world();
    const tools = on.environment();
    for (let count = 0; count < 3; count += 1) learn(on.link, LACKS_MODERN, tools);
    await on.settle();
    expect(on.written).toHaveLength(1);
  });

  test.each([
    ['another revision', { versions: { legacy: ['2025-06-18'] }, transport: 'http' }],
    ['another transport', { versions: { legacy: [LEGACY] }, transport: 'sse' }],
    ['the lack of it', { versions: { legacy: [] } }],
  ] as const)('is written again when it is news: %s', async (_what, lesson) => {
    const on = world();
    const tools = on.environment();
    learn(on.link, { versions: { legacy: [LEGACY] }, transport: 'http' }, tools);
    learn(on.link, lesson, tools);
    await on.settle();
    expect(on.written).toHaveLength(2);
    expect(on.written.at(-1)?.eras).toMatchObject(lesson);
  });

  test('is dated apart from what was learned in the same millisecond, so that the store keeps both', async () => {
    const on = world();
    const [tools, other] = [on.environment(), on.environment()];
    learn(on.link, { versions: { legacy: [LEGACY] }, transport: 'http' }, tools);
    learn(on.link, { versions: { modern: [] } }, tools);
    await on.settle();
    expect(await modernVersions(on.link, other)).toEqual(known([]));
    expect(await legacyTransport(on.link, other)).toBe('http');
  });

  test('is forgotten with its date when it has grown old, and does not come back with something newer', async () => {
    const on = world('modern');
    const tools = on.environment();
    learn(on.link, { versions: { legacy: [LEGACY] }, transport: 'http' }, tools);
    await on.pass(DAY);
    learn(on.link, { versions: { modern: [MODERN] } }, tools);
    await on.settle();
    expect(on.written.at(-1)?.eras).toEqual({ versions: { modern: [MODERN] }, learnedAt: on.clock.now() });
  });
});

describe('how an upstream of the legacy era is reached', () => {
  test('is not known before it has been found out', async () => {
    const on = world('legacy');
    expect(await legacyTransport(on.link, on.environment())).toBeUndefined();
    expect(on.transport.requests).toEqual([]);
  });

  test.each(['http', 'sse'] as const)('is remembered for other environments, and for a day: %s', async (transport) => {
    const on = world('legacy');
    learn(on.link, { versions: { legacy: [LEGACY] }, transport }, on.environment());
    await on.pass(DAY - 1);
    expect(await legacyTransport(on.link, on.environment())).toBe(transport);
    await on.pass(1);
    expect(await legacyTransport(on.link, on.environment())).toBeUndefined();
  });

  test('is what is configured, whatever was remembered', async () => {
    const on = world('legacy');
    const tools = on.environment();
    learn(on.link, { versions: { legacy: [LEGACY] }, transport: 'http' }, tools);
    expect(await legacyTransport(linkOf({ transport: 'sse' }), tools)).toBe('sse');
  });

  test('is not forgotten with the modern era', async () => {
    const on = world('legacy');
    const tools = on.environment();
    learn(on.link, LACKS_MODERN, tools);
    forget(on.link, 'modern', tools);
    await on.settle();
    expect(await legacyTransport(on.link, on.environment())).toBe('http');
  });
});

describe('what an upstream lacks', () => {
  test('is not supposed of the legacy era: a session is worth a try', async () => {
    const on = world('modern');
    const tools = on.environment();
    expect(await lacksLegacy(on.link, tools)).toBe(false);
    await modernVersions(on.link, tools);
    expect(await lacksLegacy(on.link, tools)).toBe(false);
  });

  test('is remembered for a minute of the modern era', async () => {
    const on = world('legacy');
    const tools = on.environment();
    learn(on.link, LACKS_MODERN, tools);
    await on.pass(MINUTE - 1);
    expect(await modernVersions(on.link, tools)).toEqual(known([]));
    expect(await modernVersions(on.link, on.environment())).toEqual(known([]));
    expect(on.probes()).toBe(0);
  });

  test('is remembered for a minute of the legacy era', async () => {
    const on = world('modern');
    const tools = on.environment();
    learn(on.link, LACKS_LEGACY, tools);
    await on.pass(MINUTE - 1);
    expect([await lacksLegacy(on.link, tools), await lacksLegacy(on.link, on.environment())]).toEqual([true, true]);
    await on.pass(1);
    expect([await lacksLegacy(on.link, tools), await lacksLegacy(on.link, on.environment())]).toEqual([false, false]);
  });

  test('is asked again after that, in case it was upgraded', async () => {
    const on = world('legacy');
    const tools = on.environment();
    learn(on.link, LACKS_MODERN, tools);
    await on.pass(MINUTE + 1);
    on.speaks.add('modern');
    expect(await modernVersions(on.link, tools)).toEqual(known([MODERN]));
  });

  test('is asked again after that however often clients ask for it meanwhile', async () => {
    const on = world('legacy');
    const tools = on.environment();
    for (let ms = 0; ms < MINUTE; ms += 10_000) {
      expect(await modernVersions(on.link, tools)).toEqual(known([]));
      learn(on.link, LACKS_MODERN, tools);
      await on.pass(10_000);
    }
    expect(on.probes()).toBe(1);
    on.speaks.add('modern');
    expect(await modernVersions(on.link, tools)).toEqual(known([MODERN]));
  });

  test('is asked again after that however often it shows what it speaks', async () => {
    const on = world('modern');
    const tools = on.environment();
    learn(on.link, LACKS_LEGACY, tools);
    for (let ms = 0; ms < MINUTE; ms += 10_000) {
      learn(on.link, { versions: { modern: [MODERN] } }, tools);
      await on.pass(10_000);
    }
    expect(await lacksLegacy(on.link, tools)).toBe(false);
  });

  test.each([
    ['learned', (on: World, tools: EraTools) => learn(on.link, { versions: { modern: ['2099-01-01'] } }, tools)],
    ['forgotten', (on: World, tools: EraTools) => forget(on.link, 'modern', tools)],
  ] as const)('is asked again after that though something of the other era was %s meanwhile', async (_what, act) => {
    const on = world('modern');
    const tools = on.environment();
    learn(on.link, LACKS_LEGACY, tools);
    await on.pass(MINUTE + 1);
    act(on, tools);
    expect(await lacksLegacy(on.link, tools)).toBe(false);
  });

  test('is not remembered by asking alone: it may be no MCP server only now', async () => {
    const on = world();
    const tools = on.environment();
    expect(await modernVersions(on.link, tools)).toEqual(known([]));
    await on.settle();
    expect(on.written).toEqual([]);
    on.speaks.add('modern');
    expect(await modernVersions(on.link, tools)).toEqual(known([MODERN]));
  });
});

describe('an upstream that a call has shown to be different', () => {
  test('is asked again for the era that was forgotten, and not for the other', async () => {
    const on = world('modern', 'legacy');
    const tools = on.environment();
    await modernVersions(on.link, tools);
    learn(on.link, { versions: { legacy: [LEGACY] }, transport: 'http' }, tools);
    await on.pass(1);
    on.speaks.delete('modern');
    forget(on.link, 'modern', tools);
    await on.settle();
    expect(on.written.at(-1)?.eras).toMatchObject({ versions: { legacy: [LEGACY] }, transport: 'http' });
    expect(await modernVersions(on.link, on.environment())).toEqual(known([]));
    expect(on.probes()).toBe(2);
  });

  test('is told apart from one that refused something else by asking, whatever is remembered', async () => {
    const on = world('modern');
    const tools = on.environment();
    await modernVersions(on.link, tools);
    expect(await hasUnlearned(on.link, tools)).toBe(false);
    on.speaks.delete('modern');
    expect(await hasUnlearned(on.link, tools)).toBe(true);
  });

  test('has not unlearned its era while it is down', async () => {
    const on = world('modern');
    on.break({ status: 503 });
    expect(await hasUnlearned(on.link, on.environment())).toBe(false);
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
