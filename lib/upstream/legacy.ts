/** Calls to a legacy upstream, each in an upstream session: the client session's own, a shared one, or a fresh one. */
import type { Ids } from '../ports.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import { isLegacyVersion, OLDEST_UPSTREAM_VERSION } from '../protocol/era.ts';
import { initializedText, initializeText, readServerHello, type ServerHello } from '../protocol/legacy/handshake.ts';
import { requestText } from '../protocol/message.ts';
import type { JsonObject, JsonRpcError } from '../protocol/message.ts';
import type { TraceContext } from '../protocol/trace-context.ts';
import { judgeByEnd, proves } from './doubt.ts';
import { exchange, lastOf, readStream, type Refusal, type UpstreamEvent } from './exchange.ts';
import { handOverPosition, newTally, type CallEnd } from './fault.ts';
import { notesOf, untilAnswered } from './resumption.ts';
import {
  askable,
  closeUpstreamSession,
  declining,
  endOfRefusal,
  reasonOf,
  sessionHeaders,
  speaksOfSession,
  tellCancelled,
} from './session.ts';
import type { ConnectionTools, UpstreamLink } from './streamable-http.ts';

/** What an upstream is told about the client it serves. */
export interface ClientIdentity {
  readonly protocolVersion: string;
  readonly clientCapabilities: JsonObject;
  readonly clientInfo: JsonObject;
}

export type OpenOutcome =
  | { readonly kind: 'opened'; readonly session: UpstreamSession; readonly hello: ServerHello }
  | { readonly kind: 'refused'; readonly error: JsonRpcError | undefined; readonly status: number }
  | { readonly kind: 'end'; readonly end: CallEnd };

/** Who keeps upstream sessions between calls, and which one a call is to use. */
export interface SessionKeeper {
  /** Whom a session is opened for. */
  readonly identity: ClientIdentity;
  /** The session in place; undefined when one is to be opened. */
  readonly current: () => Promise<UpstreamSession | undefined>;
  /** Puts a session in place; the one of generation `replaces` is known to be lost. */
  readonly attach: (session: UpstreamSession, replaces: string | undefined) => Promise<Attachment>;
  /** Remembers that a call in the session failed in a way that may be the session's fault. */
  readonly doubt: (session: UpstreamSession) => void;
  /** A session that was doubted has proved itself. */
  readonly trust: (session: UpstreamSession) => void;
  /** A session that was doubted has not proved itself: others may still use it, and nobody will again. */
  readonly retire: (session: UpstreamSession) => void;
  /** The level that the upstream is told when a session is opened. */
  readonly logLevel: string | undefined;
  /** The level by the time the session is in place: it may have been set meanwhile. */
  readonly latestLogLevel: () => Promise<string | undefined>;
  /** A level for this call only, in a session that others use as well. */
  readonly levelOfCall: string | undefined;
  /** Whether the session ends with the call. */
  readonly endsWithCall: boolean;
  /** Whether the upstream's questions can reach the client. */
  readonly canAsk: boolean;
}

/** Of a session that nobody keeps: nothing is remembered of it. */
export const UNKEPT: Pick<SessionKeeper, 'doubt' | 'trust' | 'retire'> = {
  doubt: () => {},
  trust: () => {},
  retire: () => {},
};

export type Attachment =
  | { readonly kind: 'attached' }
  /** Somebody else's session is in place, and the caller's own is to be closed. */
  | { readonly kind: 'lost'; readonly winner: UpstreamSession }
  /** Whatever the session was to be attached to is no more. */
  | { readonly kind: 'gone' };

/** A request as it is written for a legacy upstream, under the id that it is given. */
export type LegacyBody = (id: string, context: TraceContext) => string;

/** The upstream does not open a session, so that the call cannot be sent. */
export interface SessionRefused {
  readonly kind: 'session-refused';
  readonly refusal: Extract<OpenOutcome, { kind: 'refused' }>;
}

/** The client session was terminated while the call was under way. */
export interface SessionGone {
  readonly kind: 'session-gone';
}

/** A session was opened for the call, and is in place. */
export interface SessionOpened {
  readonly kind: 'opened';
  readonly hello: ServerHello;
}

/** Visible ASCII (2025-11-25, basic/transports, "Session Management"), and short enough to keep. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;

/** Opens an upstream session: `initialize`, then `notifications/initialized`. */
export async function openUpstreamSession(
  link: UpstreamLink,
  client: ClientIdentity,
  ids: Ids,
  tools: ConnectionTools,
): Promise<OpenOutcome> {
  tools.tally.phase = 'session';
  const id = ids.random();
  const body = initializeText(id, client.protocolVersion, client.clientCapabilities, client.clientInfo);
  const outcome = await tools.post(link, body, {}, tools);
  switch (outcome.kind) {
    case 'fault':
      return { kind: 'end', end: outcome.fault };
    case 'refused':
      return outcome;
    case 'accepted':
      return { kind: 'end', end: { kind: 'upstream-closed' } };
    case 'stream':
      break;
  }
  const sessionId = outcome.headers['mcp-session-id'] ?? null;
  const begun: UpstreamSession = {
    generation: ids.random(),
    id: isUsableId(sessionId) ? sessionId : null,
    protocolVersion: client.protocolVersion,
    attachedAt: tools.clock.now(),
  };
  const answer = await lastOf(answeringPings(readStream(outcome, id, tools), link, begun, tools));
  // It may have begun a session all the same.
  const giveUp = (): void => tools.defer((later) => closeUpstreamSession(link, begun, later));
  if (answer.kind === 'end') {
    giveUp();
    return answer;
  }
  const { body: answered } = answer.response;
  if ('error' in answered) {
    giveUp();
    return { kind: 'refused', error: answered.error, status: 200 };
  }
  const hello = readServerHello(answered.result);
  if (hello === undefined || !isUsableVersion(hello.protocolVersion) || !isUsableId(sessionId)) {
    giveUp();
    return { kind: 'end', end: { kind: 'upstream-garbled', reason: 'it is not an answer to initialize' } };
  }
  const session: UpstreamSession = { ...begun, protocolVersion: hello.protocolVersion };
  const initialized = await tools.post(link, initializedText(), sessionHeaders(session), tools);
  if (initialized.kind === 'fault') {
    tools.defer((later) => closeUpstreamSession(link, session, later));
    return { kind: 'end', end: initialized.fault };
  }
  if (initialized.kind === 'stream') initialized.close();
  return { kind: 'opened', session, hello };
}

/**
 * Calls an upstream in the session that the keeper has for it. One that is missing is opened first; one that the
 * upstream no longer knows (404) is replaced once, and the call sent again, since it was not executed. One in which a
 * call has failed is used again only once it has answered a ping. Questions that the client cannot be asked are declined
 * here. Without a body nothing is sent but what the session needs.
 */
export async function* callLegacy(
  link: UpstreamLink,
  body: LegacyBody | undefined,
  keeper: SessionKeeper,
  ids: Ids,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent | SessionOpened | SessionRefused | SessionGone, void> {
  let session = await keeper.current();
  let inPlace = session !== undefined;
  let sound = session?.doubted !== true || (await proves(session, link, keeper, ids, tools));
  const unsound = sound ? undefined : session;
  try {
    for (let reopened = false; ; reopened = true) {
      if (session === undefined || !sound || reopened) {
        const attached = await attachSession(link, keeper, session?.generation, ids, tools);
        inPlace = attached.kind === 'attached';
        if (attached.kind !== 'attached') {
          yield attached;
          return;
        }
        session = attached.session;
        sound = true;
        // Not before it is replaced: until then others may find that it proves itself, and use it.
        if (unsound !== undefined && !reopened) keeper.retire(unsound);
        if (attached.hello !== undefined) yield { kind: 'opened', hello: attached.hello };
        else if (keeper.levelOfCall !== undefined) {
          await replayLogLevel(link, session, keeper.levelOfCall, ids, tools);
        }
      } else if (keeper.levelOfCall !== undefined) {
        await replayLogLevel(link, session, keeper.levelOfCall, ids, tools);
      }
      if (body === undefined) return;
      const id = ids.random();
      const { tally } = tools;
      tally.position = undefined;
      const notes = notesOf(tally, { session, requestId: id });
      const request = {
        id,
        body: (context: TraceContext) => body(id, context),
        headers: sessionHeaders(session),
        notes,
      };
      let refusal: Refusal | undefined;
      try {
        const used = session;
        const events = untilAnswered(exchange(link, request, tools), link, tools);
        refusal = yield* askable(events, link, used, keeper.canAsk, tools, (end) => judgeByEnd(end, used, keeper));
      } finally {
        // Here, because whoever listens stops listening at the last word.
        const expiry = tools.limits.expiry();
        const goesOn = expiry !== undefined && handOverPosition(expiry, tally) !== undefined;
        if (expiry !== undefined && tally.sent && !goesOn) tellCancelled(link, session, id, reasonOf(expiry), tools);
      }
      if (refusal === undefined) return;
      const lost = await isSessionLost(refusal, link, session, ids, tools);
      // What an unknown session was sent has not been executed.
      if (lost) tools.tally.sent = false;
      if (lost && !reopened) continue;
      const { answer } = refusal;
      // Nobody is told in the upstream's words of a session that is the gateway's own matter.
      if (lost) yield { kind: 'end', end: { kind: 'upstream-session-lost' } };
      else if (answer === undefined) yield { kind: 'end', end: endOfRefusal(refusal) };
      else yield { kind: 'final', response: answer };
      return;
    }
  } finally {
    const ended = session;
    if (keeper.endsWithCall && inPlace && ended !== undefined) {
      tools.defer((later) => closeUpstreamSession(link, ended, later));
    }
  }
}

export function attachedSession(client: ClientSession, link: UpstreamLink): UpstreamSession | undefined {
  return Object.hasOwn(client.upstreamSessions, link.name) ? client.upstreamSessions[link.name] : undefined;
}

/** A server may ping before it answers `initialize` (2025-11-25, basic/lifecycle), and ask nothing else. */
async function* answeringPings(
  events: AsyncGenerator<UpstreamEvent, void>,
  link: UpstreamLink,
  session: UpstreamSession,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent, void> {
  const decline = declining(link, session, tools);
  for await (const event of events) {
    if (event.kind === 'interim' && event.message.kind === 'request') {
      decline(event.message);
    } else {
      yield event;
    }
  }
}

type AttachedOutcome =
  /** `hello` is absent when somebody else's session is in place. */
  | { readonly kind: 'attached'; readonly session: UpstreamSession; readonly hello?: ServerHello }
  | { readonly kind: 'end'; readonly end: CallEnd }
  | SessionRefused
  | SessionGone;

/** Any number of environments may open a session; one attachment wins, and the losers close theirs. */
async function attachSession(
  link: UpstreamLink,
  keeper: SessionKeeper,
  replaces: string | undefined,
  ids: Ids,
  tools: ConnectionTools,
): Promise<AttachedOutcome> {
  const { logLevel } = keeper;
  const opened = await openUpstreamSession(link, keeper.identity, ids, tools);
  if (opened.kind === 'end') return opened;
  if (opened.kind === 'refused') return { kind: 'session-refused', refusal: opened };
  const { session } = opened;
  let kept = false;
  try {
    if (logLevel !== undefined) await replayLogLevel(link, session, logLevel, ids, tools);
    const outcome = await keeper.attach(session, replaces);
    kept = outcome.kind === 'attached';
    if (outcome.kind === 'gone') return { kind: 'session-gone' };
    // A level set since the session was read found nothing attached to be passed to. Whoever sets one looks again after
    // writing it, as is done here after attaching: one of the two sees the other.
    const level = kept ? await keeper.latestLogLevel() : undefined;
    if (level !== undefined && level !== logLevel) await replayLogLevel(link, session, level, ids, tools);
    return outcome.kind === 'lost'
      ? { kind: 'attached', session: outcome.winner }
      : { kind: 'attached', session, hello: opened.hello };
  } finally {
    if (!kept) tools.defer((later) => closeUpstreamSession(link, session, later));
  }
}

/** The level only decides how much the upstream says: no call fails for it. */
export async function replayLogLevel(
  link: UpstreamLink,
  session: UpstreamSession,
  level: string,
  ids: Ids,
  tools: ConnectionTools,
): Promise<void> {
  const outcome = await tools.post(
    link,
    requestText(ids.random(), 'logging/setLevel', { level }),
    sessionHeaders(session),
    tools,
  );
  if (outcome.kind === 'stream') outcome.close();
}

/**
 * 404 says that the upstream does not know the session, and so has not executed the call (2025-11-25, basic/transports).
 * Many servers answer 400 and name the session instead. That may as well be a tool's own word, so the session itself is
 * asked: only if a ping is turned away in the same manner was it the session.
 */
async function isSessionLost(
  refusal: Refusal,
  link: UpstreamLink,
  session: UpstreamSession,
  ids: Ids,
  tools: ConnectionTools,
): Promise<boolean> {
  if (session.id === null || !speaksOfSession(refusal)) return false;
  if (refusal.status === 404) return true;
  const probe = { ...tools, tally: newTally(tools.tally) };
  const ping = await tools.post(link, requestText(ids.random(), 'ping', {}), sessionHeaders(session), probe);
  if (ping.kind === 'stream') ping.close();
  return ping.kind === 'refused' && speaksOfSession(ping);
}

function isUsableVersion(version: string): boolean {
  return isLegacyVersion(version) || version === OLDEST_UPSTREAM_VERSION;
}

function isUsableId(id: string | null): boolean {
  return id === null || SESSION_ID.test(id);
}
