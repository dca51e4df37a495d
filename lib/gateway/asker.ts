/** On whose behalf upstreams are asked for what they list. */
import type { Caller } from '../auth/caller.ts';
import type { Audience } from '../catalog/listing.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import type { CatalogMember } from '../ports/catalog.ts';
import type { Span } from '../ports/tracer.ts';
import type { UpstreamTally } from '../upstream/fault.ts';
import type { Deadline } from '../policies/deadline.ts';
import { listedCapabilities } from '../protocol/capabilities.ts';
import { LATEST_LEGACY, type Era } from '../protocol/era.ts';
import type { SessionKeeper } from '../upstream/legacy.ts';
import type { Scope } from './errand.ts';
import { keeperFor } from './upstream-sessions.ts';
import type { Work } from './work.ts';

export interface Asker {
  /** The client's. */
  readonly era: Era;
  readonly caller: Caller;
  /** What legacy upstreams are told: the revision, and what the client can do. */
  readonly legacy: Pick<Audience, 'version' | 'clientCapabilities'>;
  /** `span` is that of what the session is for. */
  readonly keeper: (upstream: ServerUpstream, deadline: Deadline, span: Span) => SessionKeeper;
}

export function askerOf(work: Work, scope: Scope): Asker {
  const { era, caller } = scope;
  const keeper: Asker['keeper'] = (upstream, deadline, span) => keeperFor(work, scope, upstream, deadline, span);
  if (scope.era === 'modern') {
    const legacy = { version: LATEST_LEGACY, clientCapabilities: {} };
    return { era, caller, legacy, keeper };
  }
  const { protocolVersion: version, clientCapabilities } = scope.session;
  const legacy = { version, clientCapabilities: listedCapabilities(clientCapabilities) };
  return { era, caller, legacy, keeper };
}

/** A list to be had of an upstream. */
export interface Wanted {
  readonly upstream: ServerUpstream;
  readonly member: CatalogMember;
}

/** On whose behalf lists are read, how old they may be, and how long they may take. */
export interface Reader {
  readonly work: Work;
  readonly asker: Asker;
  /** An upstream that takes longer counts as unavailable, in milliseconds. */
  readonly patienceMs: number;
  readonly tally: UpstreamTally;
  /** Lists no older than this are good enough even when they are no longer fresh, in milliseconds. */
  readonly toleranceMs: number;
}
