/** What becomes of a place that somebody has left before it was theirs. */
import { expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { callAdmitted } from '../../lib/gateway/admission.ts';
import type { UpstreamRequest } from '../../lib/gateway/upstream-call.ts';
import { DeadlineExpired } from '../../lib/policies/deadline.ts';
import type { Stores } from '../../lib/ports/stores.ts';
import { upstreamKey } from '../../lib/upstream/eras.ts';
import { collectAll } from '../upstream/kit.ts';
import { openErrand } from './errand-kit.ts';

const REQUEST: UpstreamRequest = {
  modern: { method: 'tools/call', name: 'now', paramHeaders: {}, body: () => '{}' },
  legacy: () => '{}',
};

test('a slot that is claimed for a call that was called off meanwhile is free again', async () => {
  const claimed = Promise.withResolvers<void>();
  const wrap = (stores: Stores): Stores => ({
    ...stores,
    slots: {
      ...stores.slots,
      claim: async (...wish) => {
        const outcome = await stores.slots.claim(...wish);
        claimed.resolve();
        return outcome;
      },
    },
  });
  const { line, visit, deadline, stores, upstream, clock, defects } = await openErrand({
    wrap,
    upstream: { maxConcurrent: 1, breaker: false },
  });
  const calling = collectAll(callAdmitted(line, REQUEST));
  deadline.cancel();
  await expect(calling).rejects.toThrow(DeadlineExpired);
  await claimed.promise;
  await visit.settle();
  const key = upstreamKey(upstream, cryptoIds);
  expect(await stores.slots.claim(key, 'next', 1, clock.now() + 1000, clock.now())).toEqual({ kind: 'claimed' });
  expect(defects).toEqual([]);
});

test('who is let through by a half-open breaker, and was called off meanwhile, lets the next one through', async () => {
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const wrap = (stores: Stores): Stores => ({
    ...stores,
    breakers: {
      ...stores.breakers,
      beginTrial: async (...trial) => {
        asked.resolve();
        await goOn.promise;
        return stores.breakers.beginTrial(...trial);
      },
    },
  });
  const { line, visit, deadline, stores, upstream, clock, defects } = await openErrand({ wrap });
  const key = upstreamKey(upstream, cryptoIds);
  await stores.breakers.countFailure(key, 1, clock.now() + 1000, clock.now() + 100_000, clock.now());
  clock.advance(1000);
  const calling = collectAll(callAdmitted(line, REQUEST));
  await asked.promise;
  deadline.cancel();
  await expect(calling).rejects.toThrow(DeadlineExpired);
  goOn.resolve();
  await visit.settle();
  expect(await stores.breakers.read(key, clock.now())).toMatchObject({ trial: undefined });
  expect(defects).toEqual([]);
});
