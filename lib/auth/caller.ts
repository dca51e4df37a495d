/** Who is behind a request. */
import type { GatewayConfig } from '../config/schema.ts';
import type { Ids } from '../ports.ts';

export interface Caller {
  readonly kind: 'anonymous';
  /** Binds sessions to the caller; equal keys mean the same caller. Never a credential. */
  readonly key: string;
}

/** With `auth.mode` "none" everyone is the same anonymous caller, told apart by session ids alone. */
export function authenticate(auth: GatewayConfig['auth'], ids: Ids): Caller {
  switch (auth.mode) {
    case 'none':
      return { kind: 'anonymous', key: ids.digest('anonymous') };
  }
}
