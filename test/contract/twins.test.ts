/** Whatever is asked of a store in the database, its twin in memory answers the same. */
import assert from 'node:assert/strict';

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';

import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import type { JsonObject } from '../../lib/protocol/message.ts';
import type { CatalogHead, CatalogKey, CatalogStore } from '../../lib/ports/catalog.ts';
import type { Stores, StoreTally } from '../../lib/ports/stores.ts';
import { databaseLegs } from './legs.ts';
import { clientSession, freshKey, randomJson } from './samples.ts';

type Operation = readonly [name: string, run: (stores: Stores, prefix: string) => Promise<unknown>];

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('__proto__', 'constructor', '#'),
);
const anyJson = fc
  .dictionary(anyText, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
const time = fc.integer({ min: 0, max: 20 }).map((step) => 1_780_000_000_000 + step * 500);

// Few of each, so that operations meet.
const key = fc.constantFrom('a', 'a#b', '__proto__');
const request = fc.constantFrom('b', 'a#b', 'session');
const upstream = fc.constantFrom('time', '__proto__', 'constructor', '');
const generation = fc.constantFrom('g1', 'g2', 'g3');
const attachment = fc
  .record({ generation, id: fc.option(anyText), protocolVersion: anyText, attachedAt: time, doubted: fc.boolean() })
  .map(({ doubted, ...session }) => ({ ...session, ...(doubted && { doubted }) }));
const versions = fc.record(
  { modern: fc.array(anyText, { maxLength: 2 }), legacy: fc.array(anyText, { maxLength: 2 }) },
  { requiredKeys: [] },
);

const session = fc.record({
  server: anyText,
  caller: anyText,
  protocolVersion: anyText,
  clientInfo: anyJson,
  clientCapabilities: anyJson,
  logLevel: fc.option(anyText, { nil: undefined }),
  upstreamSessions: fc.dictionary(upstream, attachment, { maxKeys: 2 }),
  createdAt: time,
  lastSeenAt: time,
  expiresAt: time,
});

const member = fc.constantFrom('tools', 'introduction');
const listedUpstream = fc.constantFrom('time', '__proto__');
const listKey = fc.record({ upstream: listedUpstream, audience: fc.constantFrom('a', 'a#b'), member });
const moment = fc.record({ changes: fc.nat(1), fetchedAt: fc.integer({ min: 1, max: 3 }) });
const headFields = fc.record({
  freshUntil: time,
  wantedAt: time,
  shared: fc.boolean(),
  asked: fc.record({ version: anyText, clientCapabilities: anyJson }),
});
/** Around the day by which a text outlives the head that it was written with. */
const headExpiry = fc.constantFrom(0, 1, 86_399_999, 86_400_000, 86_400_001).map((after) => 1_780_000_000_000 + after);

/** One text for each version, as versions are never used twice. */
const versionOf = ({ changes, fetchedAt }: { changes: number; fetchedAt: number }) => `${changes}-${fetchedAt}`;
const textOf = (version: string) => JSON.stringify({ version });

/** Without what differs: the database compresses. */
function comparable({ bytes, ...head }: CatalogHead): Omit<CatalogHead, 'bytes'> {
  assert.ok(bytes > 0);
  return head;
}

async function headsAndTexts(catalog: CatalogStore, keys: readonly CatalogKey[]): Promise<unknown> {
  const states = await catalog.heads(keys);
  const wanted = keys.flatMap((k, index) => {
    const { head } = states[index]!;
    return head === undefined ? [] : [{ key: k, head }];
  });
  const texts = await catalog.texts(wanted);
  return [states.map(({ head, changes }) => ({ head: head && comparable(head), changes })), texts];
}

async function allHeads(catalog: CatalogStore, of: string): Promise<unknown> {
  const found = await catalog.headsOf(of);
  const named = found.map(({ key: k, head }) => [JSON.stringify([k.audience, k.member]), comparable(head)] as const);
  return new Map(named.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** Those of one run, in an order that does not depend on which of two that expire together comes first. */
async function ownKeys(prefix: string, keys: Promise<readonly string[]>): Promise<readonly string[]> {
  return (await keys).filter((k) => k.startsWith(prefix)).toSorted();
}

const shared = fc.record({ upstream: anyText, session: attachment, expiresAt: time });
const replaces = fc.option(generation, { nil: undefined });
const pinVersion = fc.constantFrom('v1', 'v2', 'v3');

const onLists: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(listKey, moment, headFields, headExpiry).map(([k, m, fields, end]): Operation => [
    'writeList',
    (at, p) => {
      const version = versionOf(m);
      const head = { version, ...m, ...fields };
      return at.catalog.write({ ...k, upstream: p + k.upstream }, head, textOf(version), end);
    },
  ]),
  fc.tuple(listKey, moment, moment, headFields, headExpiry).map(([k, old, m, fields, end]): Operation => [
    'renewList',
    (at, p) => {
      const head = { version: versionOf(old), ...m, ...fields, bytes: 1 };
      return at.catalog.renew({ ...k, upstream: p + k.upstream }, head, end);
    },
  ]),
  fc.array(listKey, { maxLength: 4 }).map((keys): Operation => [
    'lists',
    (at, p) =>
      headsAndTexts(
        at.catalog,
        keys.map((k) => ({ ...k, upstream: p + k.upstream })),
      ),
  ]),
  listedUpstream.map((u): Operation => ['headsOf', (at, p) => allHeads(at.catalog, p + u)]),
  fc
    .tuple(listedUpstream, member)
    .map(([u, m]): Operation => ['countChange', (at, p) => at.catalog.countChange(p + u, m)]),
  fc
    .array(listedUpstream, { maxLength: 3 })
    .map((all): Operation => ['changesOf', (at, p) => at.catalog.changesOf(all.map((u) => p + u))]),
  listedUpstream.map((u): Operation => ['readPins', (at, p) => at.pins.read(p + u)]),
  fc
    .tuple(listedUpstream, pinVersion, fc.option(pinVersion, { nil: undefined }))
    .map(([u, version, old]): Operation => [
      'writePins',
      (at, p) => at.pins.write(p + u, { version, text: textOf(version) }, old),
    ]),
);

const sweeping: readonly fc.Arbitrary<Operation>[] = [
  fc
    .tuple(key, time)
    .map(([k, now]): Operation => ['terminateExpired', (at, p) => at.clientSessions.terminateExpired(p + k, now)]),
  fc
    .tuple(time, time)
    .map(([from, until]): Operation => [
      'expiring',
      (at, p) => ownKeys(p, at.clientSessions.expiringBetween(from, until, 10_000)),
    ]),
  key.map((k): Operation => ['readShared', (at, p) => at.upstreamSessions.read(p + k)]),
  fc
    .tuple(key, shared, replaces, time)
    .map(([k, s, g, now]): Operation => ['keep', (at, p) => at.upstreamSessions.keep(p + k, s, g, now)]),
  fc
    .tuple(key, generation, fc.boolean())
    .map(([k, g, doubted]): Operation => ['doubtShared', (at, p) => at.upstreamSessions.setDoubt(p + k, g, doubted)]),
  fc
    .tuple(key, time)
    .map(([k, now]): Operation => ['removeExpired', (at, p) => at.upstreamSessions.removeExpired(p + k, now)]),
  fc
    .tuple(time, time)
    .map(([from, until]): Operation => [
      'expiringShared',
      (at, p) => ownKeys(p, at.upstreamSessions.expiringBetween(from, until, 10_000)),
    ]),
];

const resource = fc.constantFrom('a://1', 'a://2', '');
const tellingToken = fc.constantFrom('t1', 't2');

const onListening: fc.Arbitrary<Operation> = fc.oneof(
  key.map((k): Operation => ['readListening', (at, p) => at.listening.read(p + k)]),
  fc
    .tuple(key, fc.record({ tools: fc.nat(3), prompts: fc.nat(3), resources: fc.nat(3) }), time)
    .map(([k, told, end]): Operation => ['tell', (at, p) => at.listening.tell(p + k, told, end)]),
  fc
    .tuple(key, tellingToken, time)
    .map(([k, listener, end]): Operation => ['claimListening', (at, p) => at.listening.claim(p + k, listener, end)]),
  fc
    .tuple(key, fc.dictionary(upstream, fc.record({ generation, eventId: tellingToken }), { maxKeys: 2 }), time)
    .map(([k, positions, end]): Operation => ['reach', (at, p) => at.listening.reach(p + k, positions, end)]),
  fc
    .tuple(key, fc.record({ uri: resource, upstream, generation: fc.option(generation) }), fc.option(generation))
    .map(([k, s, old]): Operation => ['renewSubscription', (at, p) => at.listening.renew(p + k, s, old)]),
  fc
    .tuple(key, fc.record({ uri: resource, upstream, generation: fc.option(generation) }))
    .map(([k, s]): Operation => ['withdraw', (at, p) => at.listening.withdraw(p + k, s)]),
  fc
    .tuple(
      key,
      fc.record({ uri: resource, upstream, generation: fc.option(generation) }),
      fc.integer({ min: 1, max: 2 }),
    )
    .map(([k, s, most]): Operation => ['subscribe', (at, p) => at.listening.subscribe(p + k, s, most, 1)]),
  fc
    .tuple(key, resource)
    .map(([k, uri]): Operation => ['unsubscribe', (at, p) => at.listening.unsubscribe(p + k, uri)]),
  fc
    .tuple(key, upstream, fc.record({ uri: resource, token: tellingToken }))
    .map(([k, u, update]): Operation => ['noteUpdate', (at, p) => at.listening.noteUpdate(p + k, u, update)]),
  fc
    .tuple(key, fc.array(fc.record({ uri: resource, token: tellingToken }), { maxLength: 3 }))
    .map(([k, updates]): Operation => ['clearUpdates', (at, p) => at.listening.clearUpdates(p + k, updates)]),
  fc.tuple(key, time).map(([k, end]): Operation => ['touchListening', (at, p) => at.listening.touch(p + k, end)]),
);

const onSessions: fc.Arbitrary<Operation> = fc.oneof(
  ...sweeping,
  fc
    .tuple(key, session)
    .map(([k, s]): Operation => ['create', (at, p) => at.clientSessions.create(clientSession({ ...s, key: p + k }))]),
  key.map((k): Operation => ['read', (at, p) => at.clientSessions.read(p + k)]),
  fc
    .tuple(key, upstream, attachment, fc.option(generation, { nil: undefined }))
    .map(([k, u, a, g]): Operation => ['attach', (at, p) => at.clientSessions.attach(p + k, u, a, g)]),
  fc
    .tuple(key, upstream, generation, fc.boolean())
    .map(([k, u, g, doubted]): Operation => ['doubt', (at, p) => at.clientSessions.setDoubt(p + k, u, g, doubted)]),
  fc
    .tuple(key, anyText)
    .map(([k, level]): Operation => ['setLogLevel', (at, p) => at.clientSessions.setLogLevel(p + k, level)]),
  fc
    .tuple(key, time, time)
    .map(([k, seen, end]): Operation => ['touch', (at, p) => at.clientSessions.touch(p + k, seen, end)]),
  key.map((k): Operation => ['terminate', (at, p) => at.clientSessions.terminate(p + k)]),
  fc
    .tuple(key, request, fc.record({ reason: fc.option(anyText, { nil: undefined }), leftAt: time }), time)
    .map(([k, r, c, end]): Operation => ['leave', (at, p) => at.mailbox.leaveCancellation(p + k, r, c, end)]),
  fc.tuple(key, request).map(([k, r]): Operation => ['peek', (at, p) => at.mailbox.peekCancellation(p + k, r)]),
  fc.tuple(key, request).map(([k, r]): Operation => ['clear', (at, p) => at.mailbox.clearCancellation(p + k, r)]),
  key.map((k): Operation => ['readEras', (at, p) => at.upstreamEras.read(p + k)]),
  fc
    .tuple(
      key,
      versions,
      fc.constantFrom({}, { transport: 'http' as const }, { transport: 'sse' as const }),
      time,
      time,
    )
    .map(([k, v, transport, learnedAt, end]): Operation => [
      'writeEras',
      (at, p) => at.upstreamEras.write(p + k, { versions: v, ...transport, learnedAt }, end),
    ]),
);

const longText = randomJson(600_000);
const owner = fc.constantFrom('o1', 'o2', 'o3');
const claim = fc.record({ owner, digest: fc.constantFrom('d1', 'd2'), deadlineAt: time, expiresAt: time });
/** Kept as it is, compressed, and not at all. */
const outcomeText = fc.constantFrom('', '{"a":"\ud800"}', 'x'.repeat(5000), longText);

const onCalls: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(key, claim, time).map(([k, c, now]): Operation => ['begin', (at, p) => at.idempotency.begin(p + k, c, now)]),
  fc.tuple(key, time).map(([k, now]): Operation => ['readCall', (at, p) => at.idempotency.read(p + k, now)]),
  fc
    .tuple(key, owner, claim, time)
    .map(([k, from, c, now]): Operation => ['overtake', (at, p) => at.idempotency.overtake(p + k, from, c, now)]),
  fc
    .tuple(key, owner, outcomeText, time)
    .map(([k, o, text, end]): Operation => ['complete', (at, p) => at.idempotency.complete(p + k, o, text, end)]),
  fc
    .tuple(key, owner, time)
    .map(([k, o, end]): Operation => ['leaveUnknown', (at, p) => at.idempotency.leaveUnknown(p + k, o, end)]),
  fc.tuple(key, owner).map(([k, o]): Operation => ['release', (at, p) => at.idempotency.release(p + k, o)]),
);

const token = fc.constantFrom('t1', 't2', 't3', 't4', '__proto__');

const onUpstreams: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(upstream, time).map(([u, now]): Operation => ['readBreaker', (at, p) => at.breakers.read(p + u, now)]),
  fc
    .tuple(upstream, fc.integer({ min: 1, max: 3 }), time, time, time)
    .map(([u, limit, openUntil, end, now]): Operation => [
      'countFailure',
      (at, p) => at.breakers.countFailure(p + u, limit, openUntil, end, now),
    ]),
  fc
    .tuple(upstream, token, time, time)
    .map(([u, t, until, now]): Operation => [
      'beginTrial',
      (at, p) => at.breakers.beginTrial(p + u, { token: t, until }, now),
    ]),
  fc
    .tuple(upstream, token, time, time)
    .map(([u, t, openUntil, end]): Operation => [
      'failTrial',
      (at, p) => at.breakers.failTrial(p + u, t, openUntil, end),
    ]),
  fc.tuple(upstream, token).map(([u, t]): Operation => ['giveUpTrial', (at, p) => at.breakers.giveUpTrial(p + u, t)]),
  fc.tuple(upstream, token).map(([u, t]): Operation => ['passTrial', (at, p) => at.breakers.passTrial(p + u, t)]),
  upstream.map((u): Operation => ['forgetFailures', (at, p) => at.breakers.forgetFailures(p + u)]),
  fc
    .tuple(upstream, token, fc.integer({ min: 1, max: 3 }), time, time)
    .map(([u, t, most, until, now]): Operation => ['claim', (at, p) => at.slots.claim(p + u, t, most, until, now)]),
  fc.tuple(upstream, token).map(([u, t]): Operation => ['releaseSlot', (at, p) => at.slots.release(p + u, t)]),
);

/** For all runs of one property, on a machine that has other things to do: some seconds are usual. */
const PATIENCE_MS = 90_000;

const seed = Number(process.env['SLUICE_TEST_SEED'] ?? Date.now() % 2 ** 31);
console.info(`test/contract/twins.test.ts: SLUICE_TEST_SEED=${seed}`);

describe.each(databaseLegs)('$name', (leg) => {
  let open: (tally: StoreTally) => Stores;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    ({ open, stop } = await leg.start());
  });
  afterAll(() => stop());

  test.each([
    ['sessions, mailbox and eras', onSessions],
    ['lists and pins', onLists],
    ['keyed calls', onCalls],
    ['breakers and slots', onUpstreams],
    ['what sessions are told', onListening],
  ])(
    'answers any sequence of operations on %s as the memory does',
    async (_, operation) => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 50 }), async (operations) => {
          const prefix = freshKey();
          const inMemory = createMemoryStores()({ requests: 0 });
          for (const [name, run] of operations) {
            const [stored, remembered] = await Promise.all([run(open({ requests: 0 }), prefix), run(inMemory, prefix)]);
            // Node's own comparison is not confused by keys such as `constructor`.
            assert.deepStrictEqual({ [name]: stored }, { [name]: remembered });
          }
        }),
        { seed, numRuns: 150 },
      );
    },
    PATIENCE_MS,
  );
});
