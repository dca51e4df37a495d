/**
 * The layout of the one table: its keys, its attributes, and the conditions that settle races between environments.
 * `docs/storage-schema.md` describes the records as a whole and changes together with this file.
 */
import type { AttributeValue, CreateTableCommandInput } from '@aws-sdk/client-dynamodb';

export const PARTITION_KEY = 'pk';
export const SORT_KEY = 'sk';
/** Whole seconds since the epoch; DynamoDB deletes the record some time after it, up to 48 h later. */
const TTL_ATTRIBUTE = 'ttl';

/** What `CreateTable` needs. Time to live is a setting of its own in DynamoDB and is not among it. */
export function createTableInput(tableName: string): CreateTableCommandInput {
  return {
    TableName: tableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: PARTITION_KEY, AttributeType: 'S' },
      { AttributeName: SORT_KEY, AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: PARTITION_KEY, KeyType: 'HASH' },
      { AttributeName: SORT_KEY, KeyType: 'RANGE' },
    ],
  };
}

/** The whole key of one record. */
export type RecordKey = Readonly<Record<typeof PARTITION_KEY | typeof SORT_KEY, AttributeValue>>;

/** A fixed word and `#` come first, and there is one variable part to a key attribute: no two records share a key. */
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

export function upstreamErasKey(upstream: string): RecordKey {
  return recordKey(`upstream#${upstream}`, 'eras');
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

/**
 * The expiry, twice: in milliseconds for those who check it, and as DynamoDB's time to live. The second is rounded up,
 * so that nothing is deleted before it expires.
 */
export function expiryAttributes(expiresAt: number) {
  return {
    expiresAt: { N: String(expiresAt) },
    [TTL_ATTRIBUTE]: { N: String(Math.ceil(expiresAt / 1000)) },
  };
}

/** Every attribute that an expression names is named through one of these, since several are reserved words. */
export const NAMES = {
  '#pk': PARTITION_KEY,
  '#ttl': TTL_ATTRIBUTE,
  '#expiresAt': 'expiresAt',
  '#generation': 'generation',
  '#lastSeenAt': 'lastSeenAt',
  '#learnedAt': 'learnedAt',
  '#logLevel': 'logLevel',
  '#upstreamSessions': 'upstreamSessions',
} as const;

/**
 * The conditions. `#upstream` is the entry of one upstream; values that begin with a colon are given by the operation.
 */
export const CONDITIONS = {
  /** Creation against creation: of several that use the same key, the first one keeps it. */
  keyIsFree: 'attribute_not_exists(#pk)',

  /** Any change against termination: a session that was terminated meanwhile is not brought back by the change. */
  sessionExists: 'attribute_exists(#pk)',

  /**
   * Attachment against attachment: environments that each initialized an upstream session for the same client session
   * and upstream. The first one stays; the others learn who won. Against termination: as `sessionExists`.
   */
  nothingAttached: 'attribute_exists(#pk) AND attribute_not_exists(#upstreamSessions.#upstream)',

  /**
   * Replacement against replacement: environments that each found the attached upstream session dead. Only the one
   * that still finds the generation it means to replace wins, so that nobody replaces a replacement.
   */
  nothingNewerAttached:
    'attribute_exists(#pk) AND (attribute_not_exists(#upstreamSessions.#upstream)' +
    ' OR #upstreamSessions.#upstream.#generation = :replaces)',

  /** Touch against touch: the one with the latest expiry stays, whatever the order of arrival. */
  expiryAdvances: 'attribute_exists(#pk) AND #expiresAt < :expiresAt',

  /** Memory against memory: what was learned later stays, whatever the order of arrival. */
  learnedLater: 'attribute_not_exists(#pk) OR #learnedAt < :learnedAt',
} as const;
