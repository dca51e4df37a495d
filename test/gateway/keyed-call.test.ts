/** What becomes of the record of a call that ends in a way that nobody expected. */
import { expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { executeKeyed } from '../../lib/gateway/keyed-call.ts';
import { DeadlineExpired } from '../../lib/policies/deadline.ts';
import { StoreError, type Stores } from '../../lib/ports/stores.ts';
import { notificationOf } from '../protocol/samples.ts';
import { collectAll } from '../upstream/kit.ts';
import { openErrand } from './errand-kit.ts';

const KEYED = { kind: 'keyed', identity: 'identity', asked: 'asked', ttlMs: 60_000 } as const;
const KEY = cryptoIds.digest('identity');

/** What an upstream says before its answer. */
const NOTE = {
  kind: 'interim',
  message: notificationOf('{"jsonrpc":"2.0","method":"notifications/message","params":{}}'),
  requestId: 'id',
  era: 'legacy',
} as const;

test.each([new Error('a defect'), new StoreError('catalog.heads', 'down', undefined), new DeadlineExpired('over')])(
  'a call that was sent, and then fails unexpectedly, stays unknown: %s',
  async (error) => {
    const { errand, deadline, visit, stores, clock } = await openErrand();
    const execute = async function* () {
      yield NOTE;
      errand.tally.sent = true;
      throw error;
    };
    const { events } = await collectAll(executeKeyed(errand, KEYED, deadline, execute));
    expect(events.map(({ kind }) => kind)).toEqual(['interim', 'failure']);
    await visit.settle();
    expect(await stores.idempotency.read(KEY, clock.now())).toMatchObject({ state: { kind: 'unknown' } });
  },
);

test('a call that was never begun leaves no record that somebody waits for', async () => {
  const down = new StoreError('idempotency.begin', 'down', undefined);
  const wrap = (stores: Stores): Stores => ({
    ...stores,
    idempotency: {
      ...stores.idempotency,
      // Its answer is lost.
      begin: async (...claim) => {
        await stores.idempotency.begin(...claim);
        throw down;
      },
    },
  });
  const { errand, deadline, visit, stores, clock } = await openErrand({ wrap });
  let executed = 0;
  const execute = async function* () {
    executed += 1;
    yield NOTE;
  };
  await expect(collectAll(executeKeyed(errand, KEYED, deadline, execute))).rejects.toBe(down);
  await visit.settle();
  expect([executed, await stores.idempotency.read(KEY, clock.now())]).toEqual([0, undefined]);
});

test('a call whose client stops reading goes on to its end, and its outcome is kept', async () => {
  const { errand, deadline, visit, stores, clock } = await openErrand();
  const execute = async function* () {
    for (let notes = 0; notes < 3; notes += 1) {
      yield NOTE;
    }
    errand.tally.sent = true;
    yield { kind: 'end', end: { kind: 'upstream-reset' }, era: 'legacy' } as const;
  };
  const events = executeKeyed(errand, KEYED, deadline, execute);
  expect((await events.next()).value).toMatchObject({ kind: 'interim' });
  await events.return();
  await visit.settle();
  expect(await stores.idempotency.read(KEY, clock.now())).toMatchObject({ state: { kind: 'unknown' } });
});
