/** Who is behind a request. */
import type { GatewayConfig } from '../config/schema.ts';
import { fail, succeed, type Result } from '../errors.ts';
import type { Ids } from '../ports.ts';

export interface Caller {
  readonly kind: 'anonymous' | 'signed';
  /** Binds sessions to the caller; equal keys mean the same caller. Never a credential. */
  readonly key: string;
}

/**
 * `signer` is who signed the request, by the word of the platform that has checked it. With `auth.mode` "none" everyone is
 * the same anonymous caller, told apart by session ids alone. Where callers must sign, a request without a signer has come
 * past the platform's check, and is refused.
 */
export function authenticate(auth: GatewayConfig['auth'], signer: string | undefined, ids: Ids): Result<Caller> {
  switch (auth.mode) {
    case 'none':
      return succeed(anonymous(ids));
    case 'iam':
      if (signer === undefined) return fail({ kind: 'unsigned' });
      return succeed({ kind: 'signed', key: ids.digest(JSON.stringify(['iam', signer])) });
  }
}

/** The same for everyone, so it is made once. */
const anonymousBy = new WeakMap<Ids, Caller>();

function anonymous(ids: Ids): Caller {
  const known = anonymousBy.get(ids);
  if (known !== undefined) return known;
  const caller: Caller = { kind: 'anonymous', key: ids.digest('anonymous') };
  anonymousBy.set(ids, caller);
  return caller;
}
