/** A call to be made, and on whose behalf. */
import type { Caller } from '../auth/caller.ts';
import type { ServerUpstream, VirtualServer } from '../catalog/plan.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import type { Call } from '../protocol/call.ts';
import type { Envelope } from '../protocol/modern/envelope.ts';
import type { UpstreamTally } from '../upstream/fault.ts';
import type { Visit } from './visit.ts';

/** On whose behalf, and through which view, a call is made. */
export type Scope = ModernScope | LegacyScope;

export interface ModernScope {
  readonly era: 'modern';
  readonly server: VirtualServer;
  readonly caller: Caller;
  readonly envelope: Envelope;
}

export interface LegacyScope {
  readonly era: 'legacy';
  readonly server: VirtualServer;
  readonly caller: Caller;
  readonly session: ClientSession;
  /** Whether the client takes an event stream, and so can be asked something before its answer. */
  readonly canAsk: boolean;
  /** Whether the client will come back for the answer if it is told to; left out where it cannot. */
  readonly mayHandOver?: () => boolean;
}

/** One call to one upstream. */
export interface Errand {
  readonly visit: Visit;
  readonly scope: Scope;
  readonly call: Call;
  readonly upstream: ServerUpstream;
  /** What the call is for, as the upstream knows it. */
  readonly targetName: string | undefined;
  /** Filled in as the call goes on. */
  readonly tally: UpstreamTally;
}
