/**
 * The layout of the one table: its keys and its attributes. `docs/storage-schema.md` describes the records as a whole and
 * changes together with this file.
 */
import type { AttributeValue, CreateTableCommandInput } from '@aws-sdk/client-dynamodb';

import type { CatalogKey, CatalogMember } from '../../ports/catalog.ts';

export const PARTITION_KEY = 'pk';
export const SORT_KEY = 'sk';
/** Whole seconds since the epoch; DynamoDB deletes the record some time after it, up to 48 h later. */
export const TTL_ATTRIBUTE = 'ttl';

/** The index of the sessions by their expiry. Records without `EXPIRY_OF_ATTRIBUTE` are not in it. */
export const EXPIRY_INDEX = 'expiry';
export const EXPIRY_OF_ATTRIBUTE = 'expiryOf';
export const EXPIRES_AT_ATTRIBUTE = 'expiresAt';

const DAY_MS = 24 * 60 * 60 * 1000;

/** What `CreateTable` needs. Time to live is a setting of its own in DynamoDB and is not among it. */
export function createTableInput(tableName: string): CreateTableCommandInput {
  return {
    TableName: tableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: PARTITION_KEY, AttributeType: 'S' },
      { AttributeName: SORT_KEY, AttributeType: 'S' },
      { AttributeName: EXPIRY_OF_ATTRIBUTE, AttributeType: 'S' },
      { AttributeName: EXPIRES_AT_ATTRIBUTE, AttributeType: 'N' },
    ],
    KeySchema: [
      { AttributeName: PARTITION_KEY, KeyType: 'HASH' },
      { AttributeName: SORT_KEY, KeyType: 'RANGE' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: EXPIRY_INDEX,
        KeySchema: [
          { AttributeName: EXPIRY_OF_ATTRIBUTE, KeyType: 'HASH' },
          { AttributeName: EXPIRES_AT_ATTRIBUTE, KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  };
}

/** The whole key of one record. */
export type RecordKey = Readonly<Record<typeof PARTITION_KEY | typeof SORT_KEY, AttributeValue>>;

/**
 * Fixed words and `#` come first, and there is one variable part to a key attribute, the last: no two records share a
 * key. (The number of a part and the member of a catalog are as good as fixed: there is no `#` in them.)
 */
function recordKey(partition: string, sort: string): RecordKey {
  return { [PARTITION_KEY]: { S: partition }, [SORT_KEY]: { S: sort } };
}

export function clientSessionKey(session: string): RecordKey {
  return recordKey(`session#${session}`, 'session');
}

/** In the partition of the client session that it belongs to. */
export function cancellationKey(session: string, request: string): RecordKey {
  return recordKey(`session#${session}`, `cancellation#${request}`);
}

/** In the partition of the client session that it belongs to. */
export function listeningKey(session: string): RecordKey {
  return recordKey(`session#${session}`, 'listening');
}

/** The key of a resource within the map `subscriptions`: a digest, as a URI may be longer than a name may be. */
export function subscriptionEntry(uri: string): string {
  const digest = process.getBuiltinModule('node:crypto').createHash('sha256').update(JSON.stringify(uri));
  return `uri#${digest.digest('base64url')}`;
}

export function upstreamErasKey(upstream: string): RecordKey {
  return recordKey(`upstream#${upstream}`, 'eras');
}

/** How an upstream has done lately. */
export function breakerKey(upstream: string): RecordKey {
  return recordKey(`upstream#${upstream}`, 'breaker');
}

/** Who may call an upstream at the same time. */
export function slotsKey(upstream: string): RecordKey {
  return recordKey(`upstream#${upstream}`, 'slots');
}

/** A call that carries an idempotency key. */
export function keyedCallKey(key: string): RecordKey {
  return recordKey(`idempotency#${key}`, 'call');
}

/** A session on an upstream that belongs to no client session. */
export function sharedUpstreamSessionKey(key: string): RecordKey {
  return recordKey(`upstream-session#${key}`, 'session');
}

/** What has an expiry that somebody waits for, and the word before the id in its partition key. */
const EXPIRING = { 'client-session': 'session#', 'upstream-session': 'upstream-session#' } as const;

export type ExpiringKind = keyof typeof EXPIRING;

/** The id of a record in the index; undefined for a partition key of something else. */
export function idOfExpiring(kind: ExpiringKind, partition: string): string | undefined {
  const word = EXPIRING[kind];
  return partition.startsWith(word) ? partition.slice(word.length) : undefined;
}

/** The lists of one upstream: what is known of each, the parts of their texts, and how often they have changed. */
export function catalogPartition(upstream: string): string {
  return `catalog#${upstream}`;
}

export function catalogHeadKey({ upstream, audience, member }: CatalogKey): RecordKey {
  return recordKey(catalogPartition(upstream), `${CATALOG_HEADS}${member}#${audience}`);
}

/** All sort keys of `catalogHeadKey` begin with this, and no others. */
export const CATALOG_HEADS = 'head#';

const CATALOG_MEMBERS: Readonly<Record<CatalogMember, true>> = {
  tools: true,
  prompts: true,
  resources: true,
  resourceTemplates: true,
  introduction: true,
};

/** Undoes `catalogHeadKey`; undefined for a sort key that it did not make. */
export function memberAndAudienceOf(sort: string): Omit<CatalogKey, 'upstream'> | undefined {
  if (!sort.startsWith(CATALOG_HEADS)) return undefined;
  const [member = '', ...audience] = sort.slice(CATALOG_HEADS.length).split('#');
  if (audience.length === 0 || !isCatalogMember(member)) return undefined;
  return { member, audience: audience.join('#') };
}

function isCatalogMember(member: string): member is CatalogMember {
  return Object.hasOwn(CATALOG_MEMBERS, member);
}

export function catalogChangesKey(upstream: string): RecordKey {
  return recordKey(catalogPartition(upstream), 'changes');
}

/** `upstream` is a configured name. */
export function pinsKey(upstream: string): RecordKey {
  return recordKey(pinsPartition(upstream), 'pins');
}

export function pinsPartition(upstream: string): string {
  return `pins#${upstream}`;
}

/** A stream of events and everything that is kept of it. */
export function streamPartition(key: string): string {
  return `stream#${key}`;
}

export function streamHeadKey(key: string): RecordKey {
  return recordKey(streamPartition(key), STREAM_HEAD);
}

/** After the sort keys of all batches, and before those of the parts of their texts. */
export const STREAM_HEAD = 'head';

export function streamBatchKey(key: string, last: number): RecordKey {
  return recordKey(streamPartition(key), streamBatchSort(last));
}

/** In the order of the events. */
export function streamBatchSort(last: number): string {
  return `${STREAM_BATCHES}${String(last).padStart(9, '0')}`;
}

/** All sort keys of batches begin with this, and no others. */
export const STREAM_BATCHES = 'events#';

/** One part of a text, counted from 0. */
export function partKey(partition: string, version: string, part: number): RecordKey {
  return recordKey(partition, `part#${String(part).padStart(3, '0')}#${version}`);
}

/**
 * The key of an upstream within the map `upstreamSessions`. The word in front keeps every name an ordinary one, for
 * DynamoDB (which has no empty keys) and for JavaScript (which has `__proto__`).
 */
export function upstreamEntry(upstream: string): string {
  return `upstream#${upstream}`;
}

/** Undoes `upstreamEntry`; undefined for a key that it did not make. */
export function upstreamOfEntry(entry: string): string | undefined {
  return entry.startsWith('upstream#') ? entry.slice('upstream#'.length) : undefined;
}

/** The key of a lease within the map `leases`; the word in front as in `upstreamEntry`. */
export function leaseEntry(token: string): string {
  return `lease#${token}`;
}

/** What the attribute `state` of a keyed call holds. */
export const CALL_STATES = { inProgress: 'in-progress', done: 'done', unknown: 'unknown' } as const;

/**
 * The expiry, twice: in milliseconds for those who check it, and as DynamoDB's time to live. The second is rounded up,
 * so that nothing is deleted before it expires.
 */
export function expiryAttributes(expiresAt: number) {
  return {
    [EXPIRES_AT_ATTRIBUTE]: { N: String(expiresAt) },
    [TTL_ATTRIBUTE]: { N: String(Math.ceil(expiresAt / 1000)) },
  };
}

/**
 * The expiry of a record that is swept, as it leaves upstream sessions to be closed: in the index, and a day later for
 * DynamoDB, which would delete the record and tell nobody.
 *
 * All records of a kind are in one partition of the index, which takes 1,000 writes a second: a session is written there
 * when it is opened and, twice, when its expiry moves, once an hour. That is enough for a million sessions at a time.
 */
export function sweptExpiryAttributes(kind: ExpiringKind, expiresAt: number) {
  return {
    [EXPIRY_OF_ATTRIBUTE]: { S: kind },
    [EXPIRES_AT_ATTRIBUTE]: { N: String(expiresAt) },
    [TTL_ATTRIBUTE]: { N: String(Math.ceil((expiresAt + DAY_MS) / 1000)) },
  };
}

/**
 * How long the parts of a catalog's text are kept: a day longer than the head they were written with. As far the head
 * can be renewed over them, and as long can whoever has just read a head that is being replaced still read its text.
 */
export function partsExpiry(headExpiresAt: number): number {
  return headExpiresAt + DAY_MS;
}

/**
 * How long the leases on an upstream are kept: a day longer than the one that was claimed last. A lease lasts as long as
 * a call at most, so all others have ended by then.
 */
export function leasesExpiry(until: number): number {
  return until + DAY_MS;
}
