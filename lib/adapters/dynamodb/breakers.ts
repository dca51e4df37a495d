import type { BreakerState, BreakerStore } from '../../ports/breakers.ts';
import { type Item, numberValue, readNumber, readText, textValue } from './item.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { untilSettled } from './settled.ts';
import { CONDITIONS } from './conditions.ts';
import { breakerKey, expiryAttributes } from './table.ts';

export function createBreakerStore(records: Records): BreakerStore {
  return {
    read: (upstream, now) =>
      storeOperation('breakers.read', async () => {
        const item = await records.get(breakerKey(upstream), 'consistent');
        return item === undefined || readNumber(item, 'expiresAt') <= now ? undefined : decodeState(item);
      }),

    countFailure: (upstream, limit, openUntil, expiresAt, now) =>
      storeOperation('breakers.countFailure', async () => {
        const counted = await untilSettled(() => count(records, upstream, expiresAt, now));
        if (counted.openUntil !== undefined || counted.failures < limit) return counted;
        return open(records, upstream, limit, openUntil, counted);
      }),

    beginTrial: (upstream, { token, until }, now) =>
      storeOperation('breakers.beginTrial', async () => {
        const update: Expression = {
          text: 'SET #trialToken = :token, #trialUntil = :until',
          values: { ':token': textValue(token), ':until': numberValue(until) },
        };
        const due: Expression = { text: CONDITIONS.trialIsDue, values: { ':now': numberValue(now) } };
        const written = await records.update(breakerKey(upstream), update, due);
        // The SDK repeats a request whose answer was lost, and then finds what the first one began.
        return written.kind === 'written' || (await written.found())?.['trialToken']?.S === token;
      }),

    failTrial: (upstream, token, openUntil, expiresAt) =>
      storeOperation('breakers.failTrial', async () => {
        const expiry = expiryAttributes(expiresAt);
        const update: Expression = {
          text: `SET #openUntil = :openUntil, #expiresAt = :expiresAt, #ttl = :ttl ${END_OF_TRIAL}`,
          values: { ':openUntil': numberValue(openUntil), ':expiresAt': expiry.expiresAt, ':ttl': expiry.ttl },
        };
        await records.update(breakerKey(upstream), update, own(token));
      }),

    giveUpTrial: (upstream, token) =>
      storeOperation('breakers.giveUpTrial', async () => {
        await records.update(breakerKey(upstream), { text: END_OF_TRIAL }, own(token));
      }),

    passTrial: (upstream, token) =>
      storeOperation('breakers.passTrial', async () => {
        await records.remove(breakerKey(upstream), own(token));
      }),

    forgetFailures: (upstream) =>
      storeOperation('breakers.forgetFailures', async () => {
        await records.remove(breakerKey(upstream), { text: CONDITIONS.breakerIsClosed });
      }),
  };
}

const END_OF_TRIAL = 'REMOVE #trialToken, #trialUntil';

function own(token: string): Expression {
  return { text: CONDITIONS.trialIsOwn, values: { ':token': textValue(token) } };
}

/** Undefined when the record was replaced at that moment: by the first failure after it had expired. */
async function count(
  records: Records,
  upstream: string,
  expiresAt: number,
  now: number,
): Promise<BreakerState | undefined> {
  const expiry = expiryAttributes(expiresAt);
  const update: Expression = {
    text: 'SET #expiresAt = :expiresAt, #ttl = :ttl ADD #failures :one',
    values: { ':expiresAt': expiry.expiresAt, ':ttl': expiry.ttl, ':one': numberValue(1) },
  };
  const goesOn = { text: CONDITIONS.countGoesOn, values: { ':now': numberValue(now) } };
  const counted = await records.updateAndGet(breakerKey(upstream), update, goesOn);
  if (counted.kind === 'written') return decodeState(counted.item);
  const first = { ...breakerKey(upstream), failures: numberValue(1), ...expiry };
  const replaced = await records.put(first, { text: CONDITIONS.stillExpired, values: goesOn.values });
  return replaced.kind === 'written' ? decodeState(first) : undefined;
}

/** Opens the breaker, unless somebody has done so, or a call has succeeded, since the failure was counted. */
async function open(
  records: Records,
  upstream: string,
  limit: number,
  openUntil: number,
  counted: BreakerState,
): Promise<BreakerState> {
  const update: Expression = {
    text: 'SET #openUntil = :openUntil',
    values: { ':openUntil': numberValue(openUntil) },
  };
  const due: Expression = { text: CONDITIONS.breakerIsDue, values: { ':limit': numberValue(limit) } };
  const opened = await records.updateAndGet(breakerKey(upstream), update, due);
  if (opened.kind === 'written') return decodeState(opened.item);
  const inPlace = await opened.found();
  return inPlace === undefined ? counted : decodeState(inPlace);
}

function decodeState(item: Item): BreakerState {
  return {
    failures: readNumber(item, 'failures'),
    openUntil: item['openUntil'] && readNumber(item, 'openUntil'),
    trial: item['trialToken'] && { token: readText(item, 'trialToken'), until: readNumber(item, 'trialUntil') },
  };
}
