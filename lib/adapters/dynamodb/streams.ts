import type { KeptStream, StreamBatch, StreamHead, StreamStore } from '../../ports/streams.ts';
import type { Json } from '../../protocol/message.ts';
import {
  flagValue,
  GarbledRecord,
  type Item,
  jsonValue,
  numberValue,
  readBytes,
  readFlag,
  readJson,
  readNumber,
  readText,
  textValue,
} from './item.ts';
import { partKeys, putParts, textOf } from './parts.ts';
import { type Records, storeOperation } from './records.ts';
import { CONDITIONS, KEY_CONDITIONS } from './conditions.ts';
import {
  expiryAttributes,
  SORT_KEY,
  STREAM_BATCHES,
  STREAM_HEAD,
  streamBatchKey,
  streamBatchSort,
  streamHeadKey,
  streamPartition,
} from './table.ts';
import { packText } from './text-parts.ts';

/** Batches that have expired are as good as gone, like the whole stream. A batch is never changed. */
export function createStreamStore(records: Records): StreamStore {
  return {
    begin: (key, head, expiresAt) =>
      storeOperation('streams.begin', async () => {
        await records.put({ ...streamHeadKey(key), ...encodeHead(head), ...expiryAttributes(expiresAt) });
      }),

    append: (key, batch, expiresAt) =>
      storeOperation('streams.append', async () => {
        const expiry = expiryAttributes(expiresAt);
        const { bytes, parts } = await packText(JSON.stringify(batch.events));
        const [first, ...others] = parts;
        await putParts(records, otherPartKeys(key, batch.last, bytes), others, expiry);
        await records.put({
          ...streamBatchKey(key, batch.last),
          answered: jsonValue(batch.answered),
          cut: flagValue(batch.cut),
          bytes: numberValue(bytes),
          data: { B: first! },
          ...expiry,
        });
      }),

    handOver: (key, holder, continuation, expiresAt) =>
      storeOperation('streams.handOver', async () => {
        const expiry = expiryAttributes(expiresAt);
        const update = {
          text: 'SET #continuation = :continuation, #expiresAt = :expiresAt, #ttl = :ttl',
          values: { ':continuation': textValue(continuation), ':expiresAt': expiry.expiresAt, ':ttl': expiry.ttl },
        };
        const held = { text: CONDITIONS.holdsStream, values: { ':holder': textValue(holder) } };
        return (await records.update(streamHeadKey(key), update, held)).kind === 'written';
      }),

    takeOver: (key, from, by, expiresAt) =>
      storeOperation('streams.takeOver', async () => {
        const expiry = expiryAttributes(expiresAt);
        const update = {
          text: 'SET #holder = :holder, #heldUntil = :heldUntil, #expiresAt = :expiresAt, #ttl = :ttl REMOVE #continuation',
          values: {
            ':holder': textValue(by.holder),
            ':heldUntil': numberValue(by.heldUntil),
            ':expiresAt': expiry.expiresAt,
            ':ttl': expiry.ttl,
          },
        };
        const left = { text: CONDITIONS.streamIsLeft, values: { ':from': textValue(from) } };
        const written = await records.update(streamHeadKey(key), update, left);
        // What refuses it may be this very take-over, sent twice by the SDK.
        return written.kind === 'written' || (await written.found())?.['holder']?.S === by.holder;
      }),

    read: (key, from, now) => storeOperation('streams.read', () => read(records, key, from, now)),
  };
}

async function read(records: Records, key: string, from: number, now: number): Promise<KeptStream | undefined> {
  const items = await records.query({
    text: KEY_CONDITIONS.sortKeyBetween,
    values: {
      ':pk': textValue(streamPartition(key)),
      ':from': textValue(streamBatchSort(from)),
      ':to': textValue(STREAM_HEAD),
    },
  });
  const current = items.filter((item) => readNumber(item, 'expiresAt') > now);
  const head = current.find((item) => readText(item, SORT_KEY) === STREAM_HEAD);
  if (head === undefined) return undefined;
  const batches = current.filter((item) => item !== head).map((item) => decodeBatch(records, key, item));
  return { head: decodeHead(head), batches: (await Promise.all(batches)).filter((batch) => batch !== undefined) };
}

function encodeHead({ holder, heldUntil, requests, continuation }: StreamHead): Item {
  return {
    holder: textValue(holder),
    heldUntil: numberValue(heldUntil),
    requests: jsonValue(requests),
    ...(continuation !== undefined && { continuation: textValue(continuation) }),
  };
}

function decodeHead(item: Item): StreamHead {
  return {
    holder: readText(item, 'holder'),
    heldUntil: readNumber(item, 'heldUntil'),
    requests: texts(readJson(item, 'requests'), 'requests'),
    continuation: item['continuation'] && readText(item, 'continuation'),
  };
}

/** Undefined when a part of its text is gone. */
async function decodeBatch(records: Records, key: string, item: Item): Promise<StreamBatch | undefined> {
  const last = lastOf(item);
  const bytes = readNumber(item, 'bytes');
  const others = await records.batchGet(otherPartKeys(key, last, bytes));
  const text = await textOf([{ data: { B: readBytes(item, 'data') } }, ...others], bytes);
  if (text === undefined) return undefined;
  const events = texts(readJson({ data: textValue(text) }, 'data'), 'data');
  return { last, events, answered: places(readJson(item, 'answered')), cut: readFlag(item, 'cut') };
}

function lastOf(item: Item): number {
  const sort = readText(item, SORT_KEY);
  const last = Number(sort.slice(STREAM_BATCHES.length));
  if (!sort.startsWith(STREAM_BATCHES) || !Number.isInteger(last)) throw new GarbledRecord(SORT_KEY);
  return last;
}

function texts(value: Json, attribute: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((text) => typeof text === 'string')) throw new GarbledRecord(attribute);
  return value;
}

function places(value: Json): readonly number[] {
  if (!Array.isArray(value) || !value.every((place) => Number.isInteger(place))) throw new GarbledRecord('answered');
  return value as number[];
}

/** A batch has one text, so that its number names it. */
function otherPartKeys(key: string, last: number, bytes: number) {
  return partKeys(streamPartition(key), { version: String(last), bytes }).slice(1);
}
