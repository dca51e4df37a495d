/**
 * What is known of a call that carries an idempotency key. `owner` is the fence: only who still owns the record may say
 * how the call ended.
 */
export interface IdempotencyRecord {
  /** Unguessable; one for each execution. */
  readonly owner: string;
  /** Digest of what the call asks for: the same key may not be used for something else. */
  readonly digest: string;
  readonly state: IdempotencyState;
}

export type IdempotencyState =
  /** Past `deadlineAt` (milliseconds since the epoch) nobody is at work any more: the outcome is unknown. */
  | { readonly kind: 'in-progress'; readonly deadlineAt: number }
  /** `text` is what was kept of the outcome; undefined when it was too large to be kept. */
  | { readonly kind: 'done'; readonly text: string | undefined }
  /** The call may have run, and nobody will ever know how it ended. */
  | { readonly kind: 'unknown' };

/** Somebody's claim to execute a call. Times are in milliseconds since the epoch. */
export interface IdempotencyClaim {
  readonly owner: string;
  readonly digest: string;
  /** When its owner has given up at the latest. */
  readonly deadlineAt: number;
  /** When the key is forgotten; not before `deadlineAt`. */
  readonly expiresAt: number;
}

export type BeginOutcome = { readonly kind: 'begun' } | { readonly kind: 'exists'; readonly record: IdempotencyRecord };

/**
 * Keyed calls. `key` is a digest of everything that tells one logical call from another. A record that is in progress
 * never becomes free: it is completed, released or left unknown by its owner, and overtaken by nobody who was not told
 * that the call may be sent again.
 */
export interface IdempotencyStore {
  /** Creates the record, unless there is one that has not expired by `now`, or is in progress before its deadline. */
  begin(key: string, claim: IdempotencyClaim, now: number): Promise<BeginOutcome>;
  /** A consistent read; undefined when there is none, or it has expired by `now`. */
  read(key: string, now: number): Promise<IdempotencyRecord | undefined>;
  /** Takes the place of owner `from`, whose outcome is unknown by `now`. False when somebody else was first, or `from` has ended. */
  overtake(key: string, from: string, claim: IdempotencyClaim, now: number): Promise<boolean>;
  /** Says how the call ended, as far as that can be kept. False when the record has another owner by now, or is gone. */
  complete(key: string, owner: string, text: string, expiresAt: number): Promise<boolean>;
  /** False as in `complete`. A call that is known to have ended stays so. */
  leaveUnknown(key: string, owner: string, expiresAt: number): Promise<boolean>;
  /** Forgets a call that cannot have run. False when the record has another owner by now, or the call is done. */
  release(key: string, owner: string): Promise<boolean>;
}

/** How an execution ended, as far as its record is concerned. */
export type KeyedOutcome =
  /** `text` is to be kept for whoever asks again. */
  | { readonly kind: 'done'; readonly text: string }
  /** It cannot have run. */
  | { readonly kind: 'not-run' }
  | { readonly kind: 'unknown' };

/** What an execution under a key needs. */
export interface KeyedExecution {
  readonly store: IdempotencyStore;
  readonly key: string;
  readonly claim: IdempotencyClaim;
  /** Whose unknown outcome it replaces; undefined for a key that is not taken. */
  readonly overtakes: string | undefined;
  readonly now: number;
  /** When the key is forgotten once the execution has ended, milliseconds since the epoch. */
  readonly expiresAt: (isKnown: boolean) => number;
  /** Called once, if at all, when the record is in place. */
  readonly execute: () => Promise<KeyedOutcome>;
  /** The execution has ended and its record could not be written: it stays in progress, and is unknown in time. */
  readonly onUnwritten: (error: unknown) => void;
}

export type KeyedResult =
  | { readonly kind: 'executed' }
  /** Somebody else has the key; nothing was executed. Undefined when their record has gone meanwhile. */
  | { readonly kind: 'exists'; readonly record: IdempotencyRecord | undefined };

/** Executes a call between the two ends of its record. Rejects with `StoreError` when that could not be begun. */
export type ExecuteOnce = (execution: KeyedExecution) => Promise<KeyedResult>;
