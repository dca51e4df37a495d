/**
 * The layout of the one table: its keys, its attributes, and the conditions that settle races between environments.
 * `docs/storage-schema.md` describes the records as a whole and changes together with this file.
 */
import type { AttributeValue, CreateTableCommandInput } from '@aws-sdk/client-dynamodb';

import type { CatalogKey, CatalogMember } from '../../ports.ts';

export const PARTITION_KEY = 'pk';
export const SORT_KEY = 'sk';
/** Whole seconds since the epoch; DynamoDB deletes the record some time after it, up to 48 h later. */
const TTL_ATTRIBUTE = 'ttl';

/** The index of the sessions by their expiry. Records without `EXPIRY_OF_ATTRIBUTE` are not in it. */
export const EXPIRY_INDEX = 'expiry';
const EXPIRY_OF_ATTRIBUTE = 'expiryOf';
const EXPIRES_AT_ATTRIBUTE = 'expiresAt';

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

/** Every attribute that an expression names is named through one of these, since several are reserved words. */
export const NAMES = {
  '#pk': PARTITION_KEY,
  '#sk': SORT_KEY,
  '#ttl': TTL_ATTRIBUTE,
  '#expiryOf': EXPIRY_OF_ATTRIBUTE,
  '#expiresAt': EXPIRES_AT_ATTRIBUTE,
  '#asked': 'asked',
  '#changes': 'changes',
  '#continuation': 'continuation',
  '#data': 'data',
  '#deadlineAt': 'deadlineAt',
  '#doubted': 'doubted',
  '#failures': 'failures',
  '#fetchedAt': 'fetchedAt',
  '#freshUntil': 'freshUntil',
  '#generation': 'generation',
  '#heldUntil': 'heldUntil',
  '#holder': 'holder',
  '#lastSeenAt': 'lastSeenAt',
  '#learnedAt': 'learnedAt',
  '#leases': 'leases',
  '#logLevel': 'logLevel',
  '#openUntil': 'openUntil',
  '#owner': 'owner',
  '#partsExpireAt': 'partsExpireAt',
  '#session': 'session',
  '#shared': 'shared',
  '#state': 'state',
  '#text': 'text',
  '#trialToken': 'trialToken',
  '#trialUntil': 'trialUntil',
  '#upstreamSessions': 'upstreamSessions',
  '#version': 'version',
  '#wantedAt': 'wantedAt',
} as const;

/** Which records of a partition a query is for. */
export const KEY_CONDITIONS = {
  sortKeyBegins: '#pk = :pk AND begins_with(#sk, :begin)',
  /** Both ends are included. */
  sortKeyBetween: '#pk = :pk AND #sk BETWEEN :from AND :to',
  /** In the index; both ends are included. */
  expiresBetween: '#expiryOf = :kind AND #expiresAt BETWEEN :from AND :to',
} as const;

/**
 * The conditions. `#upstream` is the entry of one upstream, `#lease` that of one lease; values that begin with a colon are given by the operation.
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

  /** Doubt against replacement: a session that replaced the doubted one is not doubted for it. */
  stillAttached: '#upstreamSessions.#upstream.#generation = :generation',

  /** Touch against touch: the one with the latest expiry stays, whatever the order of arrival. */
  expiryAdvances: 'attribute_exists(#pk) AND #expiresAt < :expiresAt',

  /** Memory against memory: what was learned later stays, whatever the order of arrival. */
  learnedLater: 'attribute_not_exists(#pk) OR #learnedAt < :learnedAt',

  /**
   * Sweep against use: a session that somebody has used since the index was read lives on. Sweep against sweep, and
   * against termination: only the one that still finds the session removes it.
   */
  stillExpired: '#expiresAt <= :now',

  /** As `nothingAttached`, for a session that no client session holds. One that has expired is as good as none. */
  nothingKept: 'attribute_not_exists(#pk) OR #expiresAt <= :now',

  /** As `nothingNewerAttached`, likewise. */
  nothingNewerKept: 'attribute_not_exists(#pk) OR #expiresAt <= :now OR #session.#generation = :replaces',

  /** As `stillAttached`, for a session that no client session holds. */
  stillKept: '#session.#generation = :generation',

  /**
   * List against list: of two answers of an upstream the one that was asked for later stays, whatever the order of
   * arrival. Later is after more changes of the list, whatever the clocks say, and by the clock after as many.
   */
  catalogAdvances:
    'attribute_not_exists(#pk) OR #changes < :changes OR (#changes = :changes AND #fetchedAt < :fetchedAt)',

  /**
   * Renewal against list: a head is renewed only while its own text is in place. Renewal against renewal: as
   * `catalogAdvances`, and the same moment may be written twice. Renewal against expiry: no head outlives the parts of
   * its text.
   */
  catalogHolds:
    '#version = :version AND #partsExpireAt >= :expiresAt' +
    ' AND (#changes < :changes OR (#changes = :changes AND #fetchedAt <= :fetchedAt))',

  /** Pinning against pinning: of several that found nothing pinned, the first one stays. */
  nothingPinned: 'attribute_not_exists(#pk)',

  /** Pinning against pinning: only the one that still finds what it has read replaces it. */
  pinsUnchanged: '#version = :replaces',

  /** Hand-over against hand-over: only who holds a stream leaves it to others. */
  holdsStream: '#holder = :holder',

  /** Take-over against take-over: of several that find a stream left to them, the first one goes on with it. */
  streamIsLeft: '#holder = :from AND attribute_exists(#continuation)',

  /**
   * Call against call: of several with one key the first one is executed, the others learn how it is doing. A record
   * that has expired is as good as none, unless its owner may still be at work: nobody takes the place of that.
   */
  keyUnclaimed: 'attribute_not_exists(#pk) OR (#expiresAt <= :now AND (#state <> :inProgress OR #deadlineAt <= :now))',

  /**
   * Overtaking against overtaking: only the one that still finds the owner that it has read takes its place. Overtaking
   * against the end of the call: an outcome that is known is not lost, and nobody is overtaken before its deadline.
   */
  outcomeUnknown: '#owner = :from AND (#state = :unknown OR (#state = :inProgress AND #deadlineAt <= :now))',

  /**
   * The fence. The end of a call against overtaking: an owner that was overtaken changes nothing any more. Against its
   * own other ends: what is done stays done.
   */
  stillOwned: '#owner = :owner AND #state <> :done',

  /** Failure against expiry: what was counted before a long silence counts no more. */
  countGoesOn: 'attribute_not_exists(#pk) OR #expiresAt > :now',

  /** Opening against opening: of all the failures that reach the limit, one opens the breaker. Against success: none. */
  breakerIsDue: 'attribute_not_exists(#openUntil) AND #failures >= :limit',

  /** Trial against trial: one is let through at a time, and only while the breaker is known to be open. */
  trialIsDue: '#openUntil <= :now AND #expiresAt > :now AND (attribute_not_exists(#trialToken) OR #trialUntil <= :now)',

  /** The end of a trial against the next one: who was overtaken changes nothing any more. */
  trialIsOwn: '#trialToken = :token',

  /** Success against failure: only what was counted before the success is forgotten, and never an open breaker. */
  failuresUnchanged: 'attribute_not_exists(#openUntil) AND #failures = :failures',

  /** Claim against claim: there is one lease for each slot at most. A claim that is repeated has its lease already. */
  slotIsFree: 'attribute_exists(#leases.#lease) OR size(#leases) < :most',

  /** Release against expiry: a lease that others have removed is not missed. */
  slotIsOwn: 'attribute_exists(#leases.#lease)',
} as const;
