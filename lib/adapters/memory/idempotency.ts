import type {
  IdempotencyClaim,
  IdempotencyRecord,
  IdempotencyState,
  IdempotencyStore,
} from '../../ports/idempotency.ts';
import { toKeptText } from '../kept-text.ts';
import type { Request } from './request.ts';

export interface KeptCall {
  readonly record: IdempotencyRecord;
  readonly expiresAt: number;
}

export function idempotencyIn(calls: Map<string, KeptCall>, request: Request): IdempotencyStore {
  /** Writes how a call ended, as its owner says; true if that is in place, or the call is known to be done. */
  const end = (key: string, owner: string, state: IdempotencyState, expiresAt: number) =>
    request(() => {
      const record = calls.get(key)?.record;
      if (record?.owner !== owner) return false;
      if (record.state.kind !== 'done') calls.set(key, { record: { ...record, state }, expiresAt });
      return true;
    });

  return {
    begin: (key, claim, now) =>
      request(() => {
        const kept = calls.get(key);
        if (kept !== undefined && !hasExpired(kept, now)) {
          return isClaimOf(claim, kept.record)
            ? { kind: 'begun' }
            : { kind: 'exists', record: copyRecord(kept.record) };
        }
        calls.set(key, claimed(claim));
        return { kind: 'begun' };
      }),

    read: (key, now) =>
      request(() => {
        const kept = calls.get(key);
        return kept === undefined || hasExpired(kept, now) ? undefined : copyRecord(kept.record);
      }),

    overtake: (key, from, claim, now) =>
      request(() => {
        const record = calls.get(key)?.record;
        if (record === undefined) return false;
        if (record.owner !== from || !isUnknown(record, now)) return isClaimOf(claim, record);
        calls.set(key, claimed(claim));
        return true;
      }),

    complete: async (key, owner, text, expiresAt) => {
      const { kind } = await toKeptText(text);
      return end(key, owner, { kind: 'done', text: kind === 'nothing' ? undefined : text }, expiresAt);
    },

    leaveUnknown: (key, owner, expiresAt) => end(key, owner, { kind: 'unknown' }, expiresAt),

    release: (key, owner) => {
      const record = calls.get(key)?.record;
      const releases = record?.owner === owner && record.state.kind !== 'done';
      return request(
        () => {
          if (releases) calls.delete(key);
          return releases || record === undefined;
        },
        // What refuses is looked at.
        releases ? 1 : 2,
      );
    },
  };
}

function claimed({ owner, digest, deadlineAt, expiresAt }: IdempotencyClaim): KeptCall {
  return { record: { owner, digest, state: { kind: 'in-progress', deadlineAt } }, expiresAt };
}

/** What is in progress before its deadline never expires. */
function hasExpired({ record, expiresAt }: KeptCall, now: number): boolean {
  return expiresAt <= now && !(record.state.kind === 'in-progress' && record.state.deadlineAt > now);
}

function isUnknown({ state }: IdempotencyRecord, now: number): boolean {
  return state.kind === 'unknown' || (state.kind === 'in-progress' && state.deadlineAt <= now);
}

/** What is in place may be this very claim, sent twice. */
function isClaimOf(claim: IdempotencyClaim, { owner, state }: IdempotencyRecord): boolean {
  return owner === claim.owner && state.kind === 'in-progress';
}

function copyRecord({ owner, digest, state }: IdempotencyRecord): IdempotencyRecord {
  return { owner, digest, state: { ...state } };
}
