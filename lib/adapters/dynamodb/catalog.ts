import type { CatalogHead, CatalogKey, CatalogStore, NewCatalogHead } from '../../ports/catalog.ts';
import { LIST_METHODS, type ListMember } from '../../protocol/methods.ts';
import { atMost } from './at-most.ts';
import {
  flagValue,
  GarbledRecord,
  isJsonObject,
  type Item,
  jsonValue,
  numberValue,
  readFlag,
  readJsonObject,
  readNumber,
  readText,
  textValue,
} from './item.ts';
import { partKeys, putParts, textOf } from './parts.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { CONDITIONS, KEY_CONDITIONS } from './conditions.ts';
import {
  CATALOG_HEADS,
  catalogChangesKey,
  catalogHeadKey,
  catalogPartition,
  expiryAttributes,
  memberAndAudienceOf,
  partsExpiry,
  SORT_KEY,
} from './table.ts';
import { isPackedSize, packText } from './text-parts.ts';

const LIST_MEMBERS = Object.keys(LIST_METHODS) as ListMember[];

/** How many texts are decompressed at a time. */
const TEXTS_AT_ONCE = 4;

/**
 * The parts of a text are written before the head that names them and are never changed. Nothing removes them but time
 * to live, neither those of a replaced text, which somebody may be about to read, nor those of a text whose head was
 * refused: that costs nothing.
 */
export function createCatalogStore(records: Records): CatalogStore {
  return {
    heads: (keys) =>
      storeOperation('catalog.heads', async () => {
        const items = await records.batchGet([
          ...keys.map(catalogHeadKey),
          ...keys.map(({ upstream }) => catalogChangesKey(upstream)),
        ]);
        return keys.map(({ member }, index) => {
          const head = items[index];
          return { head: head && decodeHead(head), changes: countedChanges(items[keys.length + index], member) };
        });
      }),

    texts: (wanted) =>
      storeOperation('catalog.texts', async () => {
        const keys = wanted.map(({ key, head }) => partKeys(catalogPartition(key.upstream), head));
        const items = await records.batchGet(keys.flat());
        let taken = 0;
        const partsOfEach = keys.map(({ length }) => items.slice(taken, (taken += length)));
        return atMost(TEXTS_AT_ONCE, wanted, ({ head }, index) => textOf(partsOfEach[index]!, head.bytes));
      }),

    write: (key, head, text, expiresAt) =>
      storeOperation('catalog.write', async () => {
        const { bytes, parts } = await packText(text);
        const partsExpireAt = partsExpiry(expiresAt);
        const keys = partKeys(catalogPartition(key.upstream), { version: head.version, bytes });
        await putParts(records, keys, parts, expiryAttributes(partsExpireAt));
        const item = {
          ...catalogHeadKey(key),
          ...encodeHead({ ...head, bytes }),
          partsExpireAt: numberValue(partsExpireAt),
          ...expiryAttributes(expiresAt),
        };
        const written = await records.put(item, advancing(head));
        // What refuses the head may be this very head, sent twice by the SDK.
        return written.kind === 'written' || (await written.found())?.['version']?.S === head.version;
      }),

    renew: (key, head, expiresAt) =>
      storeOperation('catalog.renew', async () => {
        const expiry = expiryAttributes(expiresAt);
        const update: Expression = {
          text:
            'SET #changes = :changes, #fetchedAt = :fetchedAt, #freshUntil = :freshUntil, #wantedAt = :wantedAt,' +
            ' #shared = :shared, #asked = :asked, #expiresAt = :expiresAt, #ttl = :ttl',
          values: {
            ':changes': numberValue(head.changes),
            ':fetchedAt': numberValue(head.fetchedAt),
            ':freshUntil': numberValue(head.freshUntil),
            ':wantedAt': numberValue(head.wantedAt),
            ':shared': flagValue(head.shared),
            ':asked': jsonValue(head.asked),
            ':expiresAt': expiry.expiresAt,
            ':ttl': expiry.ttl,
          },
        };
        const holding = { text: CONDITIONS.catalogHolds, values: { ':version': textValue(head.version) } };
        return (await records.update(catalogHeadKey(key), update, holding)).kind === 'written';
      }),

    countChange: (upstream, member) =>
      storeOperation('catalog.countChange', () => records.increment(catalogChangesKey(upstream), member)),

    changesOf: (upstreams) =>
      storeOperation('catalog.changesOf', async () => {
        const items = await records.batchGet(upstreams.map(catalogChangesKey));
        return items.map((item = {}) => {
          const members = LIST_MEMBERS.filter((member) => item[member] !== undefined);
          return Object.fromEntries(members.map((member) => [member, readNumber(item, member)]));
        });
      }),

    headsOf: (upstream) =>
      storeOperation('catalog.headsOf', async () => {
        const items = await records.query({
          text: KEY_CONDITIONS.sortKeyBegins,
          values: { ':pk': textValue(catalogPartition(upstream)), ':begin': textValue(CATALOG_HEADS) },
        });
        return items.map((item) => ({ key: decodeKey(upstream, item), head: decodeHead(item) }));
      }),
  };
}

function advancing({ changes, fetchedAt }: NewCatalogHead): Expression {
  return {
    text: CONDITIONS.catalogAdvances,
    values: { ':changes': numberValue(changes), ':fetchedAt': numberValue(fetchedAt) },
  };
}

function countedChanges(item: Item | undefined, member: string): number {
  return item?.[member] === undefined ? 0 : readNumber(item, member);
}

function encodeHead(head: CatalogHead): Item {
  return {
    version: textValue(head.version),
    changes: numberValue(head.changes),
    fetchedAt: numberValue(head.fetchedAt),
    freshUntil: numberValue(head.freshUntil),
    wantedAt: numberValue(head.wantedAt),
    shared: flagValue(head.shared),
    asked: jsonValue(head.asked),
    bytes: numberValue(head.bytes),
  };
}

function decodeHead(item: Item): CatalogHead {
  const bytes = readNumber(item, 'bytes');
  if (!isPackedSize(bytes)) throw new GarbledRecord('bytes');
  return {
    version: readText(item, 'version'),
    changes: readNumber(item, 'changes'),
    fetchedAt: readNumber(item, 'fetchedAt'),
    freshUntil: readNumber(item, 'freshUntil'),
    wantedAt: readNumber(item, 'wantedAt'),
    shared: readFlag(item, 'shared'),
    asked: decodeAsked(item),
    bytes,
  };
}

function decodeAsked(item: Item): CatalogHead['asked'] {
  const { version, clientCapabilities } = readJsonObject(item, 'asked');
  if (typeof version !== 'string' || !isJsonObject(clientCapabilities)) throw new GarbledRecord('asked');
  return { version, clientCapabilities };
}

function decodeKey(upstream: string, item: Item): CatalogKey {
  const memberAndAudience = memberAndAudienceOf(readText(item, SORT_KEY));
  if (memberAndAudience === undefined) throw new GarbledRecord(SORT_KEY);
  return { upstream, ...memberAndAudience };
}
