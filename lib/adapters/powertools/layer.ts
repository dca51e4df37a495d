/** Whose trouble it is when a call does not succeed: where somebody has to look first. */
import type { Failure } from '../../errors.ts';
import type { Action } from '../../ports/action-log.ts';

/** `client`: the request could not be served as it was sent. `tool`: the tool ran, and failed in its own words. */
export type Layer = 'gateway' | 'upstream' | 'tool' | 'client';

/**
 * Every kind of failure. `gateway` has only what its operator can mend: what it is given by the platform, its store, its
 * secrets, its program. A limit that an upstream runs into is the upstream's.
 */
const LAYERS: Readonly<Record<Failure['kind'], Layer>> = {
  unsigned: 'gateway',
  'store-unavailable': 'gateway',
  internal: 'gateway',
  'upstream-credentials': 'gateway',
  'stream-lost': 'gateway',

  'origin-forbidden': 'client',
  'not-found': 'client',
  'method-not-allowed': 'client',
  'not-acceptable': 'client',
  'unsupported-media-type': 'client',
  'request-too-large': 'client',
  'parse-error': 'client',
  'invalid-request': 'client',
  'invalid-envelope': 'client',
  'header-mismatch': 'client',
  'unsupported-version': 'client',
  'method-not-found': 'client',
  'invalid-params': 'client',
  'unknown-name': 'client',
  'session-required': 'client',
  'session-unknown': 'client',
  'session-foreign': 'client',
  'still-running': 'client',
  'stream-unknown': 'client',
  cancelled: 'client',

  'tool-held': 'upstream',
  'era-lacking': 'upstream',
  'cannot-ask': 'upstream',
  'outcome-unknown': 'upstream',
  'result-not-kept': 'upstream',
  'stream-not-kept': 'upstream',
  'invocation-ending': 'upstream',
  'breaker-open': 'upstream',
  'upstream-unreachable': 'upstream',
  'upstream-connect-timeout': 'upstream',
  'upstream-reset': 'upstream',
  'upstream-closed': 'upstream',
  'upstream-timeout': 'upstream',
  'upstream-idle': 'upstream',
  'upstream-garbled': 'upstream',
  'upstream-http': 'upstream',
  'upstream-throttled': 'upstream',
  'upstream-redirect': 'upstream',
  'upstream-too-large': 'upstream',
  'upstream-unauthorized': 'upstream',
  'upstream-session-lost': 'upstream',
  'upstream-busy': 'upstream',
  'upstream-refused': 'upstream',
};

/** Undefined when nothing went wrong, and when the client itself no longer wanted the answer. */
export function layerOf({ outcome, errorKind }: Pick<Action, 'outcome' | 'errorKind'>): Layer | undefined {
  switch (outcome) {
    case 'tool-error':
      return 'tool';
    case 'error':
    case 'refused':
      // What is no kind of failure is the code of an error that the upstream has answered with.
      return errorKind !== null && isFailureKind(errorKind) ? LAYERS[errorKind] : 'upstream';
    case 'ok':
    case 'input-required':
    case 'cancelled':
      return undefined;
  }
}

function isFailureKind(kind: string): kind is Failure['kind'] {
  return Object.hasOwn(LAYERS, kind);
}
