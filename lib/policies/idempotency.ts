/** Which calls are executed once, and what tells one of them from another. */
import type { ToolConfig } from '../config/schema.ts';
import { fail, succeed, type Result } from '../errors.ts';
import { readIdempotencyKey } from '../protocol/idempotency-key.ts';
import { keyedParams } from '../protocol/keyed-params.ts';
import type { Era } from '../protocol/era.ts';
import type { RequestMessage } from '../protocol/message.ts';

/** A day. */
const DEFAULT_TTL_SECONDS = 86_400;

/** A key of an anonymous caller without a session is all that tells it from others: it must not be guessed. */
const MIN_ANONYMOUS_CHARS = 22;

/** Whose keys these are: two callers never share one. */
export interface KeyScope {
  readonly caller: string;
  readonly anonymous: boolean;
  readonly era: Era;
  /** Key of the client session; undefined without one. */
  readonly clientSession: string | undefined;
  readonly server: string;
  /** As the client knows it. */
  readonly tool: string;
}

/** A call that is executed once. */
export interface KeyedCall {
  /** Everything that tells it from other calls, as text. */
  readonly identity: string;
  /** What it asks for, as text; the same for every call of this identity. */
  readonly asked: string;
  readonly ttlMs: number;
}

export type KeyDecision =
  | { readonly kind: 'unkeyed' }
  /** It must have a key, unless the tool turns out to be read-only. */
  | { readonly kind: 'key-required' }
  | ({ readonly kind: 'keyed' } & KeyedCall);

/** `header` is the value of `Idempotency-Key`. */
export function decideKey(
  request: RequestMessage,
  header: string | undefined,
  scope: KeyScope,
  { idempotency = 'auto', idempotencyTtlSeconds, readOnly }: ToolConfig,
): Result<KeyDecision> {
  if (idempotency === 'off') return succeed({ kind: 'unkeyed' });
  const reading = readIdempotencyKey(request, header);
  if (reading.kind === 'invalid') return fail({ kind: 'invalid-params', reason: reading.reason });
  if (reading.kind === 'none') return succeed({ kind: idempotency === 'required' ? 'key-required' : 'unkeyed' });
  // What changes nothing may as well be called again.
  if (readOnly === true) return succeed({ kind: 'unkeyed' });
  const { key } = reading;
  const { caller, anonymous, clientSession, server, tool } = scope;
  if (anonymous && clientSession === undefined && key.length < MIN_ANONYMOUS_CHARS) {
    const reason = `Without a session, the idempotency key of an anonymous caller has at least ${MIN_ANONYMOUS_CHARS} characters`;
    return fail({ kind: 'invalid-params', reason });
  }
  const params = keyedParams(request, scope.era);
  if (params === undefined)
    return fail({ kind: 'invalid-params', reason: 'The arguments nest too deep to be compared' });
  const whose = anonymous ? [caller, clientSession ?? null] : [caller];
  return succeed({
    kind: 'keyed',
    identity: JSON.stringify([whose, server, tool, key, params.step]),
    asked: params.asked,
    ttlMs: (idempotencyTtlSeconds ?? DEFAULT_TTL_SECONDS) * 1000,
  });
}

export const KEY_REQUIRED = {
  kind: 'invalid-params',
  reason: 'This tool is called with an idempotency key only',
} as const;

export const KEY_REUSED = {
  kind: 'invalid-params',
  reason: 'The idempotency key was used for a call with other arguments; nothing was executed',
} as const;
