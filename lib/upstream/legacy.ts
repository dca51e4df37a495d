/** Calls to a legacy upstream, in the upstream session that belongs to the client session. */
import type { UpstreamFault } from '../errors.ts';
import type { AttachOutcome, ClientSession, Ids, UpstreamSession } from '../ports.ts';
import { callToUpstream, type Call } from '../protocol/call.ts';
import { isLegacyVersion, type LegacyVersion } from '../protocol/era.ts';
import { initializedText, initializeText, readServerHello, type ServerHello } from '../protocol/legacy/handshake.ts';
import { errorText, JSON_RPC, notificationText, requestText } from '../protocol/message.ts';
import type { JsonObject, JsonRpcError, RequestMessage } from '../protocol/message.ts';
import { isServerRequest } from '../protocol/methods.ts';
import { exchange, lastOf, readStream, type Refusal, type UpstreamEvent } from './exchange.ts';
import { newTally, type CallEnd } from './fault.ts';
import { deleteSession, post, type ConnectionTools, type UpstreamLink } from './streamable-http.ts';

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

/** The client session a call belongs to, and how an upstream session is attached to it. */
export interface SessionKeeper {
  readonly client: ClientSession;
  readonly attach: (session: UpstreamSession, replaces: string | undefined) => Promise<AttachOutcome>;
  /** The log level that the client session has now. */
  readonly logLevel: () => Promise<string | undefined>;
}

/** The upstream does not open a session, so that the call cannot be sent. */
export interface SessionRefused {
  readonly kind: 'session-refused';
  readonly refusal: Extract<OpenOutcome, { kind: 'refused' }>;
}

/** The client session was terminated while the call was under way. */
export interface SessionGone {
  readonly kind: 'session-gone';
}

/** Visible ASCII (2025-11-25, basic/transports, "Session Management"), and short enough to keep. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;

/** Older than the gateway serves to clients, but harmless from an upstream: later revisions only added to it. */
const OLDEST_UPSTREAM_VERSION = '2024-11-05';

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
  const outcome = await post(link, body, {}, tools);
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
  const answer = await lastOf(readStream(outcome, id, tools));
  if (answer.kind === 'end') return answer;
  const { body: answered } = answer.response;
  if ('error' in answered) return { kind: 'refused', error: answered.error, status: 200 };
  const hello = readServerHello(answered.result);
  const sessionId = outcome.headers['mcp-session-id'] ?? null;
  if (hello === undefined || !isUsableVersion(hello.protocolVersion) || !isUsableId(sessionId)) {
    return { kind: 'end', end: { kind: 'upstream-garbled', reason: 'it is not an answer to initialize' } };
  }
  const session: UpstreamSession = {
    generation: ids.random(),
    id: sessionId,
    protocolVersion: hello.protocolVersion,
    attachedAt: tools.clock.now(),
  };
  const initialized = await post(link, initializedText(), sessionHeaders(session), tools);
  if (initialized.kind === 'fault') {
    tools.defer((later) => closeUpstreamSession(link, session, later));
    return { kind: 'end', end: initialized.fault };
  }
  if (initialized.kind === 'stream') initialized.close();
  return { kind: 'opened', session, hello };
}

/**
 * Calls an upstream within the client session. An upstream session that is missing is opened first; one that the
 * upstream no longer knows (404) is replaced once, and the call sent again, since it was not executed. Questions that
 * the client cannot be asked (`canAsk`) are declined here.
 */
export async function* callLegacy(
  link: UpstreamLink,
  call: Call,
  targetName: string | undefined,
  keeper: SessionKeeper,
  canAsk: boolean,
  ids: Ids,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent | SessionRefused | SessionGone, void> {
  let session = attachedSession(keeper.client, link);
  for (let reopened = false; ; reopened = true) {
    if (session === undefined || reopened) {
      const attached = await attachSession(link, keeper, session?.generation, ids, tools);
      if (attached.kind !== 'attached') {
        yield attached;
        return;
      }
      session = attached.session;
    }
    const id = ids.random();
    const request = { id, body: callToUpstream(call, id, targetName), headers: sessionHeaders(session) };
    let refusal: Refusal | undefined;
    try {
      refusal = yield* askable(exchange(link, request, tools), link, session, canAsk, tools);
    } finally {
      // Here, because whoever listens stops listening at the last word.
      const expiry = tools.limits.expiry();
      if (expiry !== undefined && tools.tally.sent) tellCancelled(link, session, id, reasonOf(expiry), tools);
    }
    if (refusal === undefined) return;
    const lost = await isSessionLost(refusal, link, session, ids, tools);
    // What an unknown session was sent has not been executed.
    if (lost) tools.tally.sent = false;
    if (lost && !reopened) continue;
    const { answer } = refusal;
    const end = lost ? ({ kind: 'upstream-session-lost' } as const) : endOfRefusal(refusal);
    yield answer === undefined ? { kind: 'end', end } : { kind: 'final', response: answer };
    return;
  }
}

export function attachedSession(client: ClientSession, link: UpstreamLink): UpstreamSession | undefined {
  return Object.hasOwn(client.upstreamSessions, link.name) ? client.upstreamSessions[link.name] : undefined;
}

/** Sends what needs no answer (a notification, an answer to a question) into an upstream session. */
export async function tellUpstream(
  link: UpstreamLink,
  session: UpstreamSession,
  messageText: string,
  tools: ConnectionTools,
): Promise<{ readonly kind: 'told' } | { readonly kind: 'end'; readonly end: CallEnd }> {
  tools.tally.phase = 'request';
  const outcome = await post(link, messageText, sessionHeaders(session), tools);
  switch (outcome.kind) {
    case 'fault':
      return { kind: 'end', end: outcome.fault };
    case 'refused':
      return {
        kind: 'end',
        end: outcome.status === 404 && session.id !== null ? { kind: 'upstream-session-lost' } : endOfRefusal(outcome),
      };
    case 'stream':
      outcome.close();
      return { kind: 'told' };
    case 'accepted':
      return { kind: 'told' };
  }
}

/** Ends an upstream session that nobody needs any more. */
export async function closeUpstreamSession(
  link: UpstreamLink,
  session: UpstreamSession,
  tools: ConnectionTools,
): Promise<void> {
  if (session.id !== null) await deleteSession(link, sessionHeaders(session), tools);
}

/** Passes everything on but the questions that cannot reach the client; those are declined at once. */
async function* askable(
  events: AsyncGenerator<UpstreamEvent, Refusal | undefined>,
  link: UpstreamLink,
  session: UpstreamSession,
  canAsk: boolean,
  tools: ConnectionTools,
): AsyncGenerator<UpstreamEvent, Refusal | undefined> {
  try {
    for (;;) {
      const next = await events.next();
      if (next.done === true) return next.value;
      const event = next.value;
      const question = event.kind === 'interim' && event.message.kind === 'request' ? event.message : undefined;
      if (question === undefined || (canAsk && isServerRequest(question.method))) yield event;
      else declineQuestion(link, session, question, tools);
    }
  } finally {
    await events.return(undefined);
  }
}

/** Answers a question that the client cannot be asked, so that the upstream does not wait for it. */
function declineQuestion(
  link: UpstreamLink,
  session: UpstreamSession,
  question: RequestMessage,
  tools: ConnectionTools,
): void {
  const message = 'The client cannot be asked this';
  const answer = errorText(question.idText, { code: JSON_RPC.methodNotFound, message });
  tools.defer((later) => tellUpstream(link, session, answer, later));
}

type AttachedOutcome =
  | { readonly kind: 'attached'; readonly session: UpstreamSession }
  | { readonly kind: 'end'; readonly end: CallEnd }
  | SessionRefused
  | SessionGone;

/** Any number of environments may open a session; one attachment wins, and the losers close theirs. */
async function attachSession(
  link: UpstreamLink,
  { client, attach, logLevel }: SessionKeeper,
  replaces: string | undefined,
  ids: Ids,
  tools: ConnectionTools,
): Promise<AttachedOutcome> {
  const opened = await openUpstreamSession(link, client, ids, tools);
  if (opened.kind === 'end') return opened;
  if (opened.kind === 'refused') return { kind: 'session-refused', refusal: opened };
  const { session } = opened;
  let kept = false;
  try {
    if (client.logLevel !== undefined) await replayLogLevel(link, session, client.logLevel, ids, tools);
    const outcome = await attach(session, replaces);
    kept = outcome.kind === 'attached';
    if (outcome.kind === 'gone') return { kind: 'session-gone' };
    // A level set since the session was read found nothing attached to be passed to. Whoever sets one looks again after
    // writing it, as is done here after attaching: one of the two sees the other.
    const level = kept ? await logLevel() : undefined;
    if (level !== undefined && level !== client.logLevel) await replayLogLevel(link, session, level, ids, tools);
    return { kind: 'attached', session: outcome.kind === 'lost' ? outcome.winner : session };
  } finally {
    if (!kept) tools.defer((later) => closeUpstreamSession(link, session, later));
  }
}

async function replayLogLevel(
  link: UpstreamLink,
  session: UpstreamSession,
  level: string,
  ids: Ids,
  tools: ConnectionTools,
): Promise<void> {
  const outcome = await post(
    link,
    requestText(ids.random(), 'logging/setLevel', { level }),
    sessionHeaders(session),
    tools,
  );
  // The level only decides how much the upstream says; a call does not fail for it.
  if (outcome.kind === 'stream') outcome.close();
}

/** The client's own reason, where it gave one. */
function reasonOf(end: CallEnd): string {
  return (end.kind === 'cancelled' ? end.reason : undefined) ?? 'The gateway gave the call up';
}

function tellCancelled(
  link: UpstreamLink,
  session: UpstreamSession,
  requestId: string,
  reason: string,
  tools: ConnectionTools,
): void {
  const text = notificationText('notifications/cancelled', { requestId, reason });
  tools.defer((later) => tellUpstream(link, session, text, later));
}

function sessionHeaders(session: UpstreamSession): Record<string, string> {
  return {
    'mcp-protocol-version': session.protocolVersion,
    ...(session.id === null ? {} : { 'mcp-session-id': session.id }),
  };
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
  const probe = { ...tools, tally: newTally(tools.tally.cost) };
  const ping = await post(link, requestText(ids.random(), 'ping', {}), sessionHeaders(session), probe);
  if (ping.kind === 'stream') ping.close();
  return ping.kind === 'refused' && speaksOfSession(ping);
}

function speaksOfSession({ status, error }: Refusal): boolean {
  return status === 404 || (status === 400 && /session/i.test(error?.message ?? ''));
}

/** A refusal with words of its own is passed on; one without is known by its status. */
export function endOfRefusal(refusal: {
  readonly error: JsonRpcError | undefined;
  readonly status: number;
}): UpstreamFault {
  return refusal.error === undefined
    ? { kind: 'upstream-http', status: refusal.status }
    : { kind: 'upstream-refused', error: refusal.error };
}

function isUsableVersion(version: string): version is LegacyVersion {
  return isLegacyVersion(version) || version === OLDEST_UPSTREAM_VERSION;
}

function isUsableId(id: string | null): boolean {
  return id === null || SESSION_ID.test(id);
}
