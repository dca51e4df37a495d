/** Whatever is asked of a store in the database, its twin in memory answers the same. */
import assert from 'node:assert/strict';

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';

import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import type { JsonObject } from '../../lib/protocol/message.ts';
import type { Stores, StoreTally } from '../../lib/ports.ts';
import { databaseLegs } from './legs.ts';
import { clientSession, freshKey } from './samples.ts';

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
const attachment = fc.record({
  generation,
  id: fc.option(anyText),
  protocolVersion: anyText,
  attachedAt: time,
});
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

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc
    .tuple(key, session)
    .map(([k, s]): Operation => ['create', (at, p) => at.clientSessions.create(clientSession({ ...s, key: p + k }))]),
  key.map((k): Operation => ['read', (at, p) => at.clientSessions.read(p + k)]),
  fc
    .tuple(key, upstream, attachment, fc.option(generation, { nil: undefined }))
    .map(([k, u, a, g]): Operation => ['attach', (at, p) => at.clientSessions.attach(p + k, u, a, g)]),
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
    .tuple(key, versions, time, time)
    .map(([k, v, learnedAt, end]): Operation => [
      'writeEras',
      (at, p) => at.upstreamEras.write(p + k, { versions: v, learnedAt }, end),
    ]),
);

const seed = Number(process.env['SLUICE_TEST_SEED'] ?? Date.now() % 2 ** 31);
console.info(`test/contract/twins.test.ts: SLUICE_TEST_SEED=${seed}`);

describe.each(databaseLegs)('$name', (leg) => {
  let open: (tally: StoreTally) => Stores;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    ({ open, stop } = await leg.start());
  });
  afterAll(() => stop());

  test('answers any sequence of operations as the memory does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 40 }), async (operations) => {
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
  });
});
