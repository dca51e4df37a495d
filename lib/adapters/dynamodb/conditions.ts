/**
 * The conditions that settle races between environments, and the attributes that they look at. `docs/storage-schema.md`
 * says what each decides and changes together with this file.
 */
import { EXPIRES_AT_ATTRIBUTE, EXPIRY_OF_ATTRIBUTE, PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE } from './table.ts';

/** Every attribute that an expression names is named through one of these, since several are reserved words. */
export const NAMES = {
  '#pk': PARTITION_KEY,
  '#sk': SORT_KEY,
  '#ttl': TTL_ATTRIBUTE,
  '#expiryOf': EXPIRY_OF_ATTRIBUTE,
  '#expiresAt': EXPIRES_AT_ATTRIBUTE,
  '#asked': 'asked',
  '#changes': 'changes',
  '#data': 'data',
  '#deadlineAt': 'deadlineAt',
  '#doubted': 'doubted',
  '#failures': 'failures',
  '#continuation': 'continuation',
  '#fetchedAt': 'fetchedAt',
  '#freshUntil': 'freshUntil',
  '#generation': 'generation',
  '#heldUntil': 'heldUntil',
  '#holder': 'holder',
  '#lastSeenAt': 'lastSeenAt',
  '#learnedAt': 'learnedAt',
  '#leases': 'leases',
  '#listener': 'listener',
  '#logLevel': 'logLevel',
  '#openUntil': 'openUntil',
  '#owner': 'owner',
  '#partsExpireAt': 'partsExpireAt',
  '#subscribedAt': 'upstream',
  '#positions': 'positions',
  '#session': 'session',
  '#shared': 'shared',
  '#state': 'state',
  '#text': 'text',
  '#trialToken': 'trialToken',
  '#trialUntil': 'trialUntil',
  '#subscriptions': 'subscriptions',
  '#told': 'told',
  '#updated': 'updated',
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
  /** In the index. */
  expiresFrom: '#expiryOf = :kind AND #expiresAt >= :from',
} as const;

/**
 * The conditions. `#upstream` is the entry of one upstream, `#uri` that of one resource and `#lease` that of one lease;
 * values that begin with a colon are given by the operation.
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

  /** Subscription against subscription: however many come at once, no more than `:most` stay. */
  subscriptionFits: 'attribute_exists(#subscriptions.#uri) OR size(#subscriptions) < :most',

  /** Update against unsubscription: nothing is kept of a resource that the client does not want to hear about. */
  isSubscribed: '#subscriptions.#uri.#subscribedAt = :upstream',

  /**
   * Renewal against unsubscription: what the client has ended is not brought back. Renewal against subscription: one
   * that was made meanwhile, in another upstream session, stays, whatever became of the renewal.
   */
  subscriptionStands:
    '#subscriptions.#uri.#subscribedAt = :upstream' +
    ' AND (attribute_not_exists(#subscriptions.#uri.#generation) OR #subscriptions.#uri.#generation = :replaces)',

  /** Telling against update: a change that came after the one that was told is still to be told. */
  updateIsTold: '#subscriptions.#uri.#updated = :token',

  /** Unsubscription against expiry: what is not there is not brought back by its end. */
  hasSubscriptions: 'attribute_exists(#subscriptions)',

  /** Pinning against pinning: of several that found nothing pinned, the first one stays. */
  nothingPinned: 'attribute_not_exists(#pk)',

  /** Pinning against pinning: only the one that still finds what it has read replaces it. */
  pinsUnchanged: '#version = :replaces',

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

  /** Success against opening: what was counted before a success is forgotten, but no open breaker is closed by it. */
  breakerIsClosed: 'attribute_not_exists(#openUntil)',

  /** Claim against claim: there is one lease for each slot at most. A claim that is repeated has its lease already. */
  slotIsFree: 'attribute_exists(#leases.#lease) OR size(#leases) < :most',

  /** Release against expiry: a lease that others have removed is not missed. */
  slotIsOwn: 'attribute_exists(#leases.#lease)',

  /** Hand-over against hand-over: only who holds a stream leaves it to others. */
  holdsStream: '#holder = :holder',

  /** Take-over against take-over: of several that find a stream left to them, the first one goes on with it. */
  streamIsLeft: '#holder = :from AND attribute_exists(#continuation)',
} as const;
