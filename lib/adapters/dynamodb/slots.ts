import type { SlotOutcome, SlotStore } from '../../ports/slots.ts';
import { GarbledRecord, type Item, numberValue, readMap, readNumber } from './item.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { CONDITIONS } from './conditions.ts';
import { expiryAttributes, leaseEntry, leasesExpiry, slotsKey } from './table.ts';

export function createSlotStore(records: Records): SlotStore {
  return {
    claim: (upstream, token, most, until, now) =>
      storeOperation('slots.claim', () => claim(records, upstream, { entry: leaseEntry(token), most, until, now })),

    release: (upstream, token) =>
      storeOperation('slots.release', async () => {
        const names = { '#lease': leaseEntry(token) };
        await records.update(
          slotsKey(upstream),
          { text: 'REMOVE #leases.#lease', names },
          { text: CONDITIONS.slotIsOwn, names },
        );
      }),
  };
}

interface Claim {
  readonly entry: string;
  readonly most: number;
  readonly until: number;
  readonly now: number;
}

/** By their entry in the record, when they end. */
type Leases = readonly (readonly [entry: string, until: number])[];

/** Each try that is refused has met others that took what was free: so often at most, and then there is no room. */
const TRIES = 5;

/** As many leases as one request removes: DynamoDB takes 4 KB in an expression. */
const MOST_REMOVED = 100;

async function claim(records: Records, upstream: string, wish: Claim): Promise<SlotOutcome> {
  let leases: Leases = [];
  for (let tries = 0; tries < TRIES; tries += 1) {
    const refused = await tryClaim(records, upstream, wish, expiredOf(leases, wish.now));
    // The SDK repeats a request whose answer was lost, and then finds the lease that the first one claimed.
    if (refused === undefined || refused.some(([entry]) => entry === wish.entry)) return { kind: 'claimed' };
    leases = refused;
    if (isFull(leases, wish)) break;
  }
  return { kind: 'full', freeAt: freeAt(leases, wish) };
}

/**
 * Claims a slot, and removes leases that have expired in the same moment. Undefined when that is done, or else the
 * leases that are in place.
 */
async function tryClaim(records: Records, upstream: string, wish: Claim, expired: Leases): Promise<Leases | undefined> {
  const written = await records.update(slotsKey(upstream), leasing(wish, expired), room(wish, expired));
  if (written.kind === 'written') return undefined;
  const inPlace = await written.found();
  if (inPlace !== undefined) return leasesOf(inPlace);
  const item = {
    ...slotsKey(upstream),
    leases: { M: { [wish.entry]: numberValue(wish.until) } },
    ...expiryAttributes(leasesExpiry(wish.until)),
  };
  const created = await records.put(item, { text: CONDITIONS.keyIsFree });
  if (created.kind === 'written') return undefined;
  return leasesOf((await created.found()) ?? { leases: { M: {} } });
}

function leasing({ entry, until }: Claim, expired: Leases): Expression {
  const expiry = expiryAttributes(leasesExpiry(until));
  const removed = expired.map((_, index) => `#leases.#expired${index}`).join(', ');
  return {
    text:
      'SET #leases.#lease = :until, #expiresAt = :expiresAt, #ttl = :ttl' +
      (removed === '' ? '' : ` REMOVE ${removed}`),
    names: {
      '#lease': entry,
      ...Object.fromEntries(expired.map(([name], index) => [`#expired${index}`, name])),
    },
    values: { ':until': numberValue(until), ':expiresAt': expiry.expiresAt, ':ttl': expiry.ttl },
  };
}

/** There is room once the expired leases are gone, and they are still what they were. */
function room({ most }: Claim, expired: Leases): Expression {
  const unchanged = expired.map((_, index) => ` AND #leases.#expired${index} = :expired${index}`).join('');
  return {
    text: `(${CONDITIONS.slotIsFree})${unchanged}`,
    values: {
      ':most': numberValue(most + expired.length),
      ...Object.fromEntries(expired.map(([, until], index) => [`:expired${index}`, numberValue(until)])),
    },
  };
}

function leasesOf(item: Item): Leases {
  const leases = readMap(item, 'leases');
  return Object.keys(leases).map((entry) => [entry, untilOf(leases, entry)]);
}

function untilOf(leases: Item, entry: string): number {
  if (leases[entry]?.N === undefined) throw new GarbledRecord('leases');
  return readNumber(leases, entry);
}

function expiredOf(leases: Leases, now: number): Leases {
  return leases.filter(([, until]) => until <= now).slice(0, MOST_REMOVED);
}

function runningOf(leases: Leases, now: number): readonly number[] {
  return leases
    .map(([, until]) => until)
    .filter((until) => until > now)
    .toSorted((one, other) => one - other);
}

function isFull(leases: Leases, { most, now }: Claim): boolean {
  return runningOf(leases, now).length >= most;
}

/** When so many of the leases have ended that there is room for one more. */
function freeAt(leases: Leases, { most, now }: Claim): number {
  const running = runningOf(leases, now);
  return running[Math.max(0, running.length - most)] ?? now;
}
