import type {
  IdempotencyClaim,
  IdempotencyRecord,
  IdempotencyState,
  IdempotencyStore,
} from '../../ports/idempotency.ts';
import { decompress } from '../gzip.ts';
import { type KeptText, toKeptText } from '../kept-text.ts';
import { GarbledRecord, type Item, numberValue, readBytes, readJson, readNumber, readText, textValue } from './item.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { untilSettled } from './settled.ts';
import { CONDITIONS } from './conditions.ts';
import { CALL_STATES, expiryAttributes, keyedCallKey } from './table.ts';

const { inProgress, done, unknown } = CALL_STATES;

export function createIdempotencyStore(records: Records): IdempotencyStore {
  return {
    begin: (key, claim, now) =>
      storeOperation('idempotency.begin', () =>
        untilSettled(async () => {
          const written = await records.put(encodeClaim(key, claim), unclaimed(now));
          if (written.kind === 'written') return { kind: 'begun' };
          const record = await decodeUnexpired(await written.found(), now);
          // The SDK repeats a request whose answer was lost, and then finds what the first one created.
          return record && (isClaimOf(claim, record) ? { kind: 'begun' } : { kind: 'exists', record });
        }),
      ),

    read: (key, now) =>
      storeOperation('idempotency.read', async () =>
        decodeUnexpired(await records.get(keyedCallKey(key), 'consistent'), now),
      ),

    overtake: (key, from, claim, now) =>
      storeOperation('idempotency.overtake', async () => {
        const written = await records.put(encodeClaim(key, claim), overtakable(from, now));
        if (written.kind === 'written') return true;
        const inPlace = await written.found();
        // As in `begin`.
        return inPlace !== undefined && isClaimOf(claim, await decodeRecord(inPlace));
      }),

    complete: (key, owner, text, expiresAt) =>
      storeOperation('idempotency.complete', async () => {
        const outcome = encodeText(await toKeptText(text));
        return end(records, key, owner, done, expiresAt, outcome);
      }),

    leaveUnknown: (key, owner, expiresAt) =>
      storeOperation('idempotency.leaveUnknown', () => end(records, key, owner, unknown, expiresAt, {})),

    release: (key, owner) =>
      storeOperation('idempotency.release', async () => {
        const released = await records.remove(keyedCallKey(key), owned(owner));
        // When the SDK repeats a release there is nothing left to be released.
        return released !== undefined || (await records.get(keyedCallKey(key), 'consistent')) === undefined;
      }),
  };
}

/** Writes how a call ended; true if that is in place, or the owner has said before that the call is done. */
async function end(
  records: Records,
  key: string,
  owner: string,
  state: typeof done | typeof unknown,
  expiresAt: number,
  outcome: Item,
): Promise<boolean> {
  const attributes: Item = { state: textValue(state), ...outcome, ...expiryAttributes(expiresAt) };
  const names = Object.keys(attributes);
  const update: Expression = {
    text: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')} REMOVE #deadlineAt`,
    values: Object.fromEntries(names.map((name) => [`:${name}`, attributes[name]!])),
  };
  const written = await records.update(keyedCallKey(key), update, owned(owner));
  if (written.kind === 'written') return true;
  const inPlace = await written.found();
  return inPlace?.['owner']?.S === owner && inPlace['state']?.S === done;
}

function unclaimed(now: number): Expression {
  return {
    text: CONDITIONS.keyUnclaimed,
    values: { ':now': numberValue(now), ':inProgress': textValue(inProgress) },
  };
}

function overtakable(from: string, now: number): Expression {
  return {
    text: CONDITIONS.outcomeUnknown,
    values: {
      ':from': textValue(from),
      ':now': numberValue(now),
      ':inProgress': textValue(inProgress),
      ':unknown': textValue(unknown),
    },
  };
}

function owned(owner: string): Expression {
  return { text: CONDITIONS.stillOwned, values: { ':owner': textValue(owner), ':done': textValue(done) } };
}

function isClaimOf(claim: IdempotencyClaim, { owner, state }: IdempotencyRecord): boolean {
  return owner === claim.owner && state.kind === 'in-progress';
}

function encodeClaim(key: string, claim: IdempotencyClaim): Item & ReturnType<typeof keyedCallKey> {
  return {
    ...keyedCallKey(key),
    owner: textValue(claim.owner),
    digest: textValue(claim.digest),
    state: textValue(inProgress),
    deadlineAt: numberValue(claim.deadlineAt),
    ...expiryAttributes(claim.expiresAt),
  };
}

function encodeText(kept: KeptText): Item {
  switch (kept.kind) {
    case 'plain':
      return { text: { S: kept.json } };
    case 'packed':
      return { data: { B: kept.bytes } };
    case 'nothing':
      return {};
  }
}

/** Undefined for a record that is as good as none; see `keyUnclaimed`. */
async function decodeUnexpired(item: Item | undefined, now: number): Promise<IdempotencyRecord | undefined> {
  if (item === undefined) return undefined;
  const atWork = readText(item, 'state') === inProgress && readNumber(item, 'deadlineAt') > now;
  return readNumber(item, 'expiresAt') > now || atWork ? decodeRecord(item) : undefined;
}

async function decodeRecord(item: Item): Promise<IdempotencyRecord> {
  return { owner: readText(item, 'owner'), digest: readText(item, 'digest'), state: await decodeState(item) };
}

async function decodeState(item: Item): Promise<IdempotencyState> {
  switch (readText(item, 'state')) {
    case inProgress:
      return { kind: 'in-progress', deadlineAt: readNumber(item, 'deadlineAt') };
    case done:
      return { kind: 'done', text: await decodeText(item) };
    case unknown:
      return { kind: 'unknown' };
    default:
      throw new GarbledRecord('state');
  }
}

async function decodeText(item: Item): Promise<string | undefined> {
  if (item['data'] !== undefined) return unpack(readBytes(item, 'data'));
  return item['text'] && textOf(readJson(item, 'text'), 'text');
}

async function unpack(bytes: Uint8Array): Promise<string> {
  try {
    return textOf(JSON.parse((await decompress(bytes)).toString()), 'data');
  } catch {
    throw new GarbledRecord('data');
  }
}

function textOf(value: unknown, attribute: string): string {
  if (typeof value !== 'string') throw new GarbledRecord(attribute);
  return value;
}
