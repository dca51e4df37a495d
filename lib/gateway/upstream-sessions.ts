/**
 * Which upstream session a call uses. A legacy client has one for each upstream, attached to its client session. What a
 * modern client gets on an upstream that issues sessions is the operator's choice (`isolation`): one that its caller
 * shares, one that everyone shares, or a fresh one that ends with the call. An anonymous caller has no identity to share
 * by, so it always gets a fresh one unless everyone shares.
 */
import type { Caller } from '../auth/caller.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import type { Deadline } from '../policies/deadline.ts';
import { inSpan, type Span } from '../ports/tracer.ts';
import type { SharedUpstreamSession, UpstreamSession } from '../ports/upstream-sessions.ts';
import { LATEST_LEGACY } from '../protocol/era.ts';
import type { JsonObject } from '../protocol/message.ts';
import type { Envelope } from '../protocol/modern/envelope.ts';
import { isImplementation } from '../protocol/translation/request.ts';
import { upstreamKey } from '../upstream/eras.ts';
import { attachedSession, UNKEPT, type SessionKeeper } from '../upstream/legacy.ts';
import { closeLater } from './connection-tools.ts';
import type { LegacyScope, Scope } from './errand.ts';
import { forwardedDigest } from './forwarded.ts';
import type { Work } from './work.ts';

/** A shared upstream session that nobody uses ends after a day. */
const SHARED_SESSION_TTL_MS = 24 * 60 * 60 * 1000;

/** Writing down every use would cost a request to the store each; once an hour moves the end well enough. */
const EXTEND_AFTER_MS = 60 * 60 * 1000;

/** What a keeper of sessions on one upstream works with, on behalf of one call. */
interface KeeperTools {
  readonly work: Work;
  readonly upstream: ServerUpstream;
  readonly deadline: Deadline;
  /** The span of the call. */
  readonly span: Span;
}

/** Waits for the store as long as the deadline allows. */
function inStore<T>({ work, deadline, span }: KeeperTools, request: () => Promise<T>): Promise<T> {
  return inSpan(span, 'session', () => work.within(deadline, request()));
}

/** The session that is attached to the client session, or will be. */
function clientSessionKeeper({ session, canAsk }: LegacyScope, tools: KeeperTools): SessionKeeper {
  const { work, upstream } = tools;
  const { clientSessions } = work.stores;
  return {
    identity: session,
    current: async () => asDoubted(work, work.attached.get(upstream.name) ?? attachedSession(session, upstream)),
    attach: async (opened, replaces) => {
      const outcome = await inStore(tools, () => clientSessions.attach(session.key, upstream.name, opened, replaces));
      if (outcome.kind !== 'gone') work.attached.set(upstream.name, outcome.kind === 'lost' ? outcome.winner : opened);
      return outcome;
    },
    ...judgements(work, upstream, ({ generation }, doubted) =>
      clientSessions.setDoubt(session.key, upstream.name, generation, doubted),
    ),
    logLevel: session.logLevel,
    latestLogLevel: async () => (await inStore(tools, () => clientSessions.read(session.key)))?.logLevel,
    levelOfCall: undefined,
    endsWithCall: false,
    canAsk,
  };
}

/** As it is known by now: the next attempt of a call may come before a doubt is written, or read. */
function asDoubted(work: Work, session: UpstreamSession | undefined): UpstreamSession | undefined {
  const doubted = session && work.doubts.get(session.generation);
  if (session === undefined || doubted === undefined) return session;
  const { doubted: _before, ...others } = session;
  return { ...others, ...(doubted && { doubted }) };
}

/** What becomes of a kept session that is doubted; nobody waits for it to be written down. */
function judgements(
  work: Work,
  upstream: ServerUpstream,
  setDoubt: (session: UpstreamSession, doubted: boolean) => Promise<void>,
): Pick<SessionKeeper, 'doubt' | 'trust' | 'retire'> {
  const judge = (session: UpstreamSession, doubted: boolean): void => {
    work.doubts.set(session.generation, doubted);
    work.defer(() => setDoubt(session, doubted));
  };
  return {
    doubt: (session) => judge(session, true),
    trust: (session) => judge(session, false),
    retire: (session) =>
      work.defer(async () => (await import('./retired-sessions.ts')).retire(work, upstream, session)),
  };
}

/** The session that a call of this scope is to use; `span` is that of the call. */
export function keeperFor(
  work: Work,
  scope: Scope,
  upstream: ServerUpstream,
  deadline: Deadline,
  span: Span,
): SessionKeeper {
  const tools: KeeperTools = { work, upstream, deadline, span };
  if (scope.era === 'legacy') return clientSessionKeeper(scope, tools);
  const client = sessionlessClient(work, scope.envelope, scope.envelope.logLevel);
  return sessionlessKeeper(scope.caller, client, tools);
}

/** What a call without a client session tells the upstream of its client. */
export interface SessionlessClient {
  readonly clientInfo: JsonObject;
  readonly clientCapabilities: JsonObject;
  /** The least severe log messages that the call wants; undefined for none. */
  readonly logLevel: string | undefined;
}

/**
 * A modern client need not say who it is (2026-07-28, basic, "Per-request protocol fields"), but `initialize` has to
 * (2025-11-25, basic/lifecycle): the gateway then names itself.
 */
export function sessionlessClient(
  work: Work,
  { clientInfo }: Envelope,
  logLevel: string | undefined,
): SessionlessClient {
  const named = isImplementation(clientInfo) ? clientInfo : work.shared.identity;
  return { clientInfo: named, clientCapabilities: {}, logLevel };
}

/** The session of a call without a client session. */
function sessionlessKeeper(caller: Caller, client: SessionlessClient, tools: KeeperTools): SessionKeeper {
  const { work, upstream } = tools;
  const sharers = sharersOf(upstream, caller, forwardedDigest(work, upstream));
  return sharers === undefined
    ? freshKeeper(client)
    : sharedKeeper(client, work.ports.ids.digest(JSON.stringify(sharers)), tools);
}

/** Everything that decides who shares a session; undefined when nobody does. */
function sharersOf(
  upstream: ServerUpstream,
  caller: Caller,
  forwarded: string | undefined,
): readonly string[] | undefined {
  const alike = forwarded === undefined ? [] : [forwarded];
  switch (upstream.config.isolation) {
    case 'call':
      return undefined;
    case 'shared':
      return [upstream.name, 'everyone', ...alike];
    case 'caller':
      return caller.kind === 'anonymous' ? undefined : [upstream.name, 'caller', caller.key, ...alike];
  }
}

export function freshKeeper({ logLevel, clientInfo, clientCapabilities }: SessionlessClient): SessionKeeper {
  return {
    identity: { clientInfo, clientCapabilities, protocolVersion: LATEST_LEGACY },
    current: async () => undefined,
    attach: async () => ({ kind: 'attached' }),
    ...UNKEPT,
    logLevel,
    latestLogLevel: async () => logLevel,
    levelOfCall: undefined,
    endsWithCall: true,
    canAsk: false,
  };
}

/** The identity is the gateway's: a session that several clients share speaks for none of them. */
function sharedKeeper(
  { clientCapabilities, logLevel }: SessionlessClient,
  sharers: string,
  tools: KeeperTools,
): SessionKeeper {
  const { work, upstream } = tools;
  const { ids, clock } = work.ports;
  const { upstreamSessions } = work.stores;
  const key = ids.digest(JSON.stringify([upstreamKey(upstream, ids), LATEST_LEGACY, sharers]));
  const toKeep = (session: SharedUpstreamSession['session']): SharedUpstreamSession => ({
    upstream: upstream.name,
    session,
    expiresAt: clock.now() + SHARED_SESSION_TTL_MS,
  });
  /** Nobody closes an expired session that is replaced before it is swept, unless its successor does. */
  let expired: UpstreamSession | undefined;
  return {
    identity: { clientInfo: work.shared.identity, clientCapabilities, protocolVersion: LATEST_LEGACY },
    current: async () => {
      const kept = await inStore(tools, () => upstreamSessions.read(key));
      const now = clock.now();
      if (kept === undefined) return undefined;
      if (kept.expiresAt <= now) {
        expired = kept.session;
        return undefined;
      }
      if (kept.expiresAt - now < SHARED_SESSION_TTL_MS - EXTEND_AFTER_MS) {
        work.defer(() => upstreamSessions.keep(key, toKeep(kept.session), kept.session.generation, now));
      }
      return asDoubted(work, kept.session);
    },
    attach: async (session, replaces) => {
      const kept = await inStore(tools, () => upstreamSessions.keep(key, toKeep(session), replaces, clock.now()));
      if (kept.kind === 'lost') return kept;
      if (expired !== undefined) closeLater(work, upstream, expired);
      return { kind: 'attached' };
    },
    ...judgements(work, upstream, ({ generation }, doubted) => upstreamSessions.setDoubt(key, generation, doubted)),
    logLevel,
    latestLogLevel: async () => logLevel,
    levelOfCall: logLevel,
    endsWithCall: false,
    canAsk: false,
  };
}

/** One session for several calls, which may run in parallel; whoever made it closes it after the last one. */
export interface SeveralCalls {
  readonly keeper: SessionKeeper;
  /** The session in place; undefined before the first call, and for a keeper that keeps its own. */
  readonly opened: () => UpstreamSession | undefined;
  readonly close: () => void;
}

/** Of a keeper whose session would end with each call. */
export function forSeveralCalls(work: Work, upstream: ServerUpstream, keeper: SessionKeeper): SeveralCalls {
  if (!keeper.endsWithCall) return { keeper, opened: () => undefined, close: () => {} };
  let opened: UpstreamSession | undefined;
  const several: SessionKeeper = {
    ...keeper,
    current: async () => opened,
    attach: async (session, replaces) => {
      if (opened !== undefined && opened.generation !== replaces) return { kind: 'lost', winner: opened };
      opened = session;
      return keeper.attach(session, replaces);
    },
    endsWithCall: false,
  };
  return {
    keeper: several,
    opened: () => opened,
    close: () => {
      if (opened !== undefined) closeLater(work, upstream, opened);
    },
  };
}
