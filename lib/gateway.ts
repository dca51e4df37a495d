/**
 * The journey of a request, from top to bottom:
 *
 *   open the door -> authenticate -> classify the era -> open the client session (legacy)
 *   -> plan each call -> answer it here, merge a list, or relay it to the upstream that has what it names
 *   -> deliver the replies
 *
 * Each step can end the journey with a failure, which `errors.ts` puts on the wire. What a call of a tool does not need is
 * loaded when it is first wanted: a cold environment reads less before its first answer.
 */
import { authenticate, type Caller } from './auth/caller.ts';
import { corsHeaders, isOriginAllowed, preflightHeaders } from './auth/origin.ts';
import { planCall, type Plan, type VirtualServer } from './catalog/plan.ts';
import type { GatewayConfig } from './config/schema.ts';
import { openDoor } from './delivery/door.ts';
import { classify, unservedVersion } from './delivery/incoming.ts';
import { mergeReplies } from './delivery/merge.ts';
import { ACCEPTED, deliver, deliverOne, EMPTY, type Acceptance, type Delivery } from './delivery/response.ts';
import { serverTiming } from './delivery/timing.ts';
import { fail, succeed, toWire, type Failure, type Result } from './errors.ts';
import { SERVER_INFO } from './gateway/identity.ts';
import { endingOfFailure, outcomeOf, unexpectedFailure, type Ending, type RelayReply } from './gateway/ending.ts';
import type { LegacyScope, Scope } from './gateway/errand.ts';
import { isListeningId } from './gateway/event-ids.ts';
import { unsendableHeader } from './gateway/forwarded.ts';
import { relay } from './gateway/relay.ts';
import { recordStream } from './gateway/stream-recorder.ts';
import { conclude, concludeWith, noteTiming, type Last } from './gateway/timing.ts';
import { Visit } from './gateway/visit.ts';
import { newShared } from './gateway/work.ts';
import type { Ports } from './ports.ts';
import type { ClientSession } from './ports/client-sessions.ts';
import type { Invocation } from './ports/invocation.ts';
import { inSpan, type Span } from './ports/tracer.ts';
import { readTarget, type Call, type Reply } from './protocol/call.ts';
import { BATCH_VERSION, type Era } from './protocol/era.ts';
import type { HttpHeaders, HttpRequest, HttpResponse } from './protocol/http.ts';
import { errorText } from './protocol/message.ts';
import type { Message, NotificationMessage, RequestMessage, ResponseMessage } from './protocol/message.ts';
import { requestRule } from './protocol/methods.ts';
import { wantsTiming } from './protocol/timing.ts';
import { clientTraceId } from './protocol/trace-context.ts';
import { admitToSession, isSessionId, nextExpiry } from './sessions/client-session.ts';
import { newCost, newTally, waitedBy, type UpstreamTally } from './upstream/fault.ts';

/** The core: safe for many requests at once, whatever platform runs it. It never rejects. */
export type Gateway = (request: HttpRequest, invocation: Invocation) => Promise<HttpResponse>;

/** `config` has been resolved: defaults applied, every rule checked. */
export function createGateway(config: GatewayConfig, ports: Ports): Gateway {
  const shared = newShared(config, ports);
  return async (request, invocation) => {
    const visit = new Visit(shared, request, invocation);
    const delivery = await serve(visit);
    return visit.trace.root.id === undefined
      ? { ...delivery, after: () => visit.settle() }
      : { ...delivery, body: await traced(visit, delivery), after: () => settleTraced(visit) };
  };
}

/** The trace leaves before the answer ends: after that, the platform may freeze everything. */
async function traced(visit: Visit, { body, status }: Delivery): Promise<Delivery['body']> {
  visit.trace.root.annotate({ http_status: status, cold_start: visit.invocation.cold });
  if (status >= 400) visit.trace.root.fail(status === 429 ? 'throttle' : status < 500 ? 'error' : 'fault');
  if (typeof body !== 'string') return tracedStream(visit, body);
  await endTrace(visit);
  return body;
}

async function* tracedStream(visit: Visit, body: AsyncIterable<string>): AsyncGenerator<string, void> {
  try {
    yield* body;
  } finally {
    await endTrace(visit);
  }
}

function endTrace({ trace }: Visit): Promise<void> {
  trace.root.end();
  return trace.flush();
}

/** What was done after the answer is part of the trace as well. */
async function settleTraced(visit: Visit): Promise<void> {
  await visit.settle();
  await endTrace(visit);
}

// ------------------------------------------------------------------------------------------------------ the door

async function serve(visit: Visit): Promise<Delivery> {
  const { origin } = visit.request.headers;
  const isAllowed = isOriginAllowed(origin, visit.shared.config.origins);
  const delivery = isAllowed ? await enterOrFail(visit) : refuse(visit, { kind: 'origin-forbidden' });
  const headers = { ...delivery.headers, ...timingHeaders(visit, delivery), ...(isAllowed ? corsHeaders(origin) : {}) };
  return { ...delivery, headers };
}

/** Where the time went is known before the answer leaves only if it leaves as a whole. */
function timingHeaders({ timing }: Visit, { headers }: Delivery): HttpHeaders {
  const isJson = headers['content-type'] === 'application/json';
  return isJson && timing !== undefined ? { 'server-timing': serverTiming(timing) } : {};
}

async function enterOrFail(visit: Visit): Promise<Delivery> {
  try {
    return await enter(visit);
  } catch (error) {
    return refuse(visit, unexpectedFailure(visit, error));
  }
}

async function enter(visit: Visit): Promise<Delivery> {
  const { config, ports, servers } = visit.shared;
  const door = openDoor(visit.request, servers, config.limits.requestBytes);
  if (!door.ok) return refuse(visit, door.failure);
  if (door.value.kind === 'landing') return land(visit);
  if (door.value.kind === 'preflight') {
    return { ...EMPTY, headers: preflightHeaders(visit.request.headers['access-control-request-headers']) };
  }
  const { server } = door.value;
  const authenticated = await inSpan(visit.trace.root, 'authenticate', async () =>
    authenticate(config.auth, visit.request.signer, ports.ids),
  );
  if (!authenticated.ok) return refuse(visit, authenticated.failure, { server });
  const caller = authenticated.value;
  const unsendable = unsendableHeader(visit);
  if (unsendable !== undefined) {
    const reason = `The header ${unsendable} has characters that cannot be sent on`;
    return refuse(visit, { kind: 'invalid-request', reason }, { server, caller });
  }
  switch (door.value.kind) {
    case 'terminate':
      return terminate(visit, server, caller);
    case 'listen':
      return listen(visit, server, caller);
    case 'message':
      return receive(visit, server, caller, door.value.accept);
  }
}

async function land({ request }: Visit): Promise<Delivery> {
  const { landingPage } = await import('./delivery/landing-page.ts');
  const body = request.method === 'HEAD' ? '' : landingPage(SERVER_INFO.version);
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

// ----------------------------------------------------------------------------------------------------- the era

async function receive(visit: Visit, server: VirtualServer, caller: Caller, accept: Acceptance): Promise<Delivery> {
  const incoming = classify(visit.request);
  switch (incoming.kind) {
    case 'refused':
      return refuse(visit, incoming.failure, { server, caller, request: incoming.request });
    case 'modern-notification': {
      const subject = { ...subjectOf(visit, { era: 'modern', server, caller }), method: incoming.method, tool: null };
      const { status } = ACCEPTED;
      visit
        .record(subject, visit.trace.root.begin('notification'))
        .finish({ outcome: 'ok', errorKind: null, status }, shareOf(visit, server, newTally()));
      return ACCEPTED;
    }
    case 'modern': {
      const { request, envelope } = incoming;
      const replies = answer(visit, { era: 'modern', server, caller, envelope }, request);
      return deliver(replies, { finals: 1, batch: false }, accept, visit.ports.clock);
    }
    case 'initialize':
      return welcome(visit, server, caller, incoming.request, accept);
    case 'legacy':
      return receiveLegacy(visit, server, caller, incoming.messages, incoming.batch, accept);
  }
}

async function receiveLegacy(
  visit: Visit,
  server: VirtualServer,
  caller: Caller,
  messages: readonly Message[],
  batch: boolean,
  accept: Acceptance,
): Promise<Delivery> {
  const requests = messages.filter((message) => message.kind === 'request');
  const opened = await attempt(visit, 'session', () => findClientSession(visit, server, caller));
  const about = { server, caller, era: 'legacy', request: batch ? undefined : requests[0] } as const;
  if (!opened.ok) return refuse(visit, opened.failure, { ...about, ...attempted(visit, opened.failure) });
  const session = opened.value;
  if (batch && session.protocolVersion !== BATCH_VERSION) {
    const reason = `Batches are part of revision ${BATCH_VERSION} only`;
    return refuse(visit, { kind: 'invalid-request', reason }, { ...about, session });
  }
  if (requests.length > 1 && visit.request.headers['idempotency-key'] !== undefined) {
    const reason = 'Idempotency-Key cannot be for several requests: put a key into the _meta of each';
    return refuse(visit, { kind: 'invalid-request', reason }, { ...about, session });
  }
  keepAlive(visit, session);
  const known: LegacyScope = { era: 'legacy', server, caller, session, canAsk: accept.eventStream };
  const ids = requests.map(({ idText }) => idText);
  const recorder = accept.eventStream && ids.length > 0 ? recordStream(visit, known, ids) : undefined;
  const mayHandOver = (): boolean => recorder?.isWhole === true && requests.length === 1;
  const scope: LegacyScope = { ...known, mayHandOver };
  const told = requests.length < messages.length ? tellAll(visit, scope, messages, requests.length === 0) : undefined;
  if (requests.length === 0) {
    const failure = (await told)?.find((outcome) => outcome !== undefined);
    return failure === undefined ? ACCEPTED : notTaken(failure);
  }
  if (told !== undefined) visit.defer(() => told);
  const replies = mergeReplies(requests.map((request) => answer(visit, scope, request)));
  return deliver(replies, { finals: requests.length, batch }, accept, visit.ports.clock, recorder);
}

// ------------------------------------------------------------------------------------------ the client session

async function welcome(
  visit: Visit,
  server: VirtualServer,
  caller: Caller,
  request: RequestMessage,
  accept: Acceptance,
): Promise<Delivery> {
  const tally = tallyOf(visit, visit.trace.root.begin('initialize'), request);
  const { initialize } = await import('./gateway/handshake.ts');
  const opened = await orFailure(visit, () => initialize(visit, server, caller, request, tally));
  if (!opened.ok) return refuse(visit, opened.failure, { server, caller, era: 'legacy', request }, tally);
  const { session, sessionId, text } = opened.value;
  const recorder = recordCall(visit, { era: 'legacy', server, caller, session }, request, tally.span);
  const welcomed: Ending = { kind: 'final', text, status: 200, outcome: 'ok', errorKind: null };
  const told = concludeWith(visit, recorder, welcomed, shareOf(visit, server, tally), wantsTiming(request));
  const delivery = deliverOne(told.text, told.status, accept);
  return { ...delivery, headers: { ...delivery.headers, 'mcp-session-id': sessionId } };
}

async function findClientSession(visit: Visit, server: VirtualServer, caller: Caller): Promise<Result<ClientSession>> {
  const id = visit.request.headers['mcp-session-id'];
  if (id === undefined) return fail({ kind: 'session-required' });
  if (!isSessionId(id)) return fail({ kind: 'session-unknown' });
  const session = await visit.stores.clientSessions.read(visit.ports.ids.digest(id));
  return admitToSession(session, caller.key, server.name, visit.ports.clock.now());
}

async function endClientSession(visit: Visit, server: VirtualServer, caller: Caller): Promise<Result<ClientSession>> {
  const opened = await findClientSession(visit, server, caller);
  if (!opened.ok) return opened;
  const ended = await visit.stores.clientSessions.terminate(opened.value.key);
  return ended === undefined ? fail({ kind: 'session-unknown' }) : succeed(ended);
}

/** Whose session a stranger tried to use, for the log. */
function attempted(visit: Visit, failure: Failure): Pick<About, 'session'> {
  const id = visit.request.headers['mcp-session-id'];
  return failure.kind === 'session-foreign' && id !== undefined ? { session: { key: visit.ports.ids.digest(id) } } : {};
}

function keepAlive(visit: Visit, session: ClientSession): void {
  const now = visit.ports.clock.now();
  const expiresAt = nextExpiry(session, now);
  if (expiresAt === undefined) return;
  visit.defer(() => visit.stores.clientSessions.touch(session.key, now, expiresAt));
  visit.defer(() => visit.stores.listening.touch(session.key, expiresAt));
}

/** A legacy client's GET (2025-11-25, basic/transports, "Listening for Messages from the Server"). */
async function listen(visit: Visit, server: VirtualServer, caller: Caller): Promise<Delivery> {
  const unserved = unservedVersion(visit.request.headers);
  if (unserved !== undefined) return refuse(visit, unserved, { server, caller, era: 'legacy' });
  const opened = await attempt(visit, 'session', () => findClientSession(visit, server, caller));
  if (!opened.ok) {
    return refuse(visit, opened.failure, { server, caller, era: 'legacy', ...attempted(visit, opened.failure) });
  }
  const session = opened.value;
  keepAlive(visit, session);
  const scope: LegacyScope = { era: 'legacy', server, caller, session, canAsk: true };
  const about = { server, caller, era: 'legacy', session } as const;
  const lastEventId = visit.request.headers['last-event-id'];
  const streamed = await orFailure(visit, async () =>
    lastEventId === undefined || isListeningId(lastEventId)
      ? (await import('./gateway/listening.ts')).openListening(visit, scope)
      : (await import('./gateway/resuming.ts')).resumeStream(visit, scope, lastEventId),
  );
  return streamed.ok ? streamed.value : refuse(visit, streamed.failure, about);
}

async function terminate(visit: Visit, server: VirtualServer, caller: Caller): Promise<Delivery> {
  const unserved = unservedVersion(visit.request.headers);
  if (unserved !== undefined) return refuse(visit, unserved, { server, caller, era: 'legacy' });
  const ended = await attempt(visit, 'terminate', () => endClientSession(visit, server, caller));
  if (!ended.ok) {
    return refuse(visit, ended.failure, { server, caller, era: 'legacy', ...attempted(visit, ended.failure) });
  }
  const { closeUpstreamSessions } = await import('./gateway/session-messages.ts');
  closeUpstreamSessions(visit, server, ended.value);
  const about = { era: 'legacy', server, caller, session: ended.value } as const;
  const subject = { ...subjectOf(visit, about), method: 'DELETE', tool: null };
  const recorder = visit.record(subject, visit.trace.root.begin('DELETE'));
  recorder.finish({ outcome: 'ok', errorKind: null, status: EMPTY.status }, shareOf(visit, server, newTally()));
  return EMPTY;
}

// ------------------------------------------------------------------------------------------------------ the calls

/**
 * Answers one request. Exactly one final reply comes last, and one line in the action log. A defect on the way, of
 * whatever kind, still ends in a final reply.
 */
async function* answer(visit: Visit, scope: Scope, request: RequestMessage): AsyncGenerator<Reply, void> {
  const tally = tallyOf(visit, beginCall(visit, scope, request.method), request);
  const recorder = recordCall(visit, scope, request, tally.span);
  let last: Last;
  try {
    for await (const reply of repliesTo(visit, scope, request, tally)) {
      if (reply.kind !== 'interim') {
        last = reply;
        break;
      }
      recorder.sent(reply.text);
      yield reply;
    }
  } catch (error) {
    const failed = endingOfFailure(unexpectedFailure(visit, error), request.idText);
    last ??= failed;
  } finally {
    // Not yielded before: whoever has stopped reading would never let it come to the line in the log.
    last = conclude(visit, recorder, last, shareOf(visit, scope.server, tally), wantsTiming(request));
  }
  if (last !== undefined) yield last;
}

/** The span of everything that is done for one request. What no method is called may be anything, and is in no trace. */
function beginCall(visit: Visit, { era }: Scope, method: string): Span {
  return visit.trace.root.begin(requestRule(method, era) === undefined ? 'unknown method' : method);
}

/** Of what is done for a message; its span names the client's trace, so that each can be found from the other. */
function tallyOf(
  visit: Visit,
  span: Span,
  { params }: RequestMessage | NotificationMessage,
  isAwaited = true,
): UpstreamTally {
  const ancestry = visit.ancestryOf(params?.['_meta']);
  span.annotate({ client_trace_id: clientTraceId(ancestry) });
  return newTally({ span, ancestry, cost: costOf(visit, isAwaited) });
}

/** Part of what the answer waits for, where it does. */
function costOf({ awaited }: Visit, isAwaited: boolean): UpstreamTally['cost'] {
  return isAwaited ? newCost(awaited) : newCost();
}

type Replies = AsyncIterable<RelayReply>;

function repliesTo(visit: Visit, scope: Scope, request: RequestMessage, tally: UpstreamTally): Replies {
  const rule = requestRule(request.method, scope.era);
  if (rule === undefined) {
    const modern = scope.era === 'modern';
    return only(endingOfFailure({ kind: 'method-not-found', method: request.method, modern }, request.idText));
  }
  const target = rule.target === undefined ? undefined : readTarget(request.params, rule.target);
  const call: Call = { era: scope.era, request, rule, target };
  const plan = planCall(call, scope.server);
  if (!plan.ok) return only(endingOfFailure(plan.failure, request.idText));
  if (plan.value.kind !== 'one') return carryOut(visit, scope, call, plan.value, tally);
  const { upstream, targetName } = plan.value;
  return relay({ visit, scope, call, upstream, targetName, tally });
}

async function* only(ending: Ending): Replies {
  yield ending;
}

async function* carryOut(
  visit: Visit,
  scope: Scope,
  call: Call,
  plan: Exclude<Plan, { kind: 'one' }>,
  tally: UpstreamTally,
): Replies {
  switch (plan.kind) {
    case 'answer':
      yield await (await import('./gateway/answers.ts')).answerHere(visit, scope, call.request, tally);
      return;
    case 'list':
      yield await (await import('./gateway/lists.ts')).answerList(visit, scope, call.request, plan.member, tally);
      return;
    case 'all':
      yield await (await import('./gateway/answers.ts')).setLogLevel(visit, scope, call.request, tally);
      return;
    case 'subscribe':
      if (scope.era === 'modern') return;
      yield await (await import('./gateway/subscribing.ts')).changeSubscription(visit, scope, call, plan.uri, tally);
      return;
    case 'listen':
      if (scope.era === 'legacy') return;
      yield* (await import('./gateway/subscriptions.ts')).listenToChanges(visit, scope, call.request, tally);
      return;
    case 'owner':
      yield* (await import('./gateway/resources.ts')).relayToOwner(visit, scope, call, plan.uri, tally);
  }
}

// ---------------------------------------------------------------------------- what is said without being a request

/** `isAwaited` when the answer waits for it. */
function tellAll(visit: Visit, scope: LegacyScope, messages: readonly Message[], isAwaited: boolean) {
  return Promise.all(messages.map((message) => tell(visit, scope, message, isAwaited)));
}

/** Takes a notification or an answer. Undefined for requests, and when all is well. */
async function tell(
  visit: Visit,
  scope: LegacyScope,
  message: Message,
  isAwaited: boolean,
): Promise<Failure | undefined> {
  if (message.kind === 'request') return undefined;
  const span = visit.trace.root.begin(message.kind);
  const tally =
    message.kind === 'notification'
      ? tallyOf(visit, span, message, isAwaited)
      : newTally({ span, cost: costOf(visit, isAwaited) });
  const failure = await takeOrFail(visit, scope, message, tally);
  const method = message.kind === 'notification' ? message.method : null;
  const recorder = visit.record({ ...subjectOf(visit, scope), method, tool: null }, tally.span);
  const status = failure === undefined ? ACCEPTED.status : toWire(failure).status;
  const outcome = failure === undefined ? 'ok' : outcomeOf(failure);
  const end = { outcome, errorKind: failure?.kind ?? null, status };
  const timing = recorder.finish(end, shareOf(visit, scope.server, tally));
  if (isAwaited) noteTiming(visit, timing);
  return failure;
}

async function takeOrFail(
  visit: Visit,
  { server, session }: LegacyScope,
  message: NotificationMessage | ResponseMessage,
  tally: UpstreamTally,
): Promise<Failure | undefined> {
  try {
    const { takeAnswer, takeNotification } = await import('./gateway/session-messages.ts');
    return message.kind === 'notification'
      ? await takeNotification(visit, server, session, message, tally)
      : await takeAnswer(visit, server, session, message, tally);
  } catch (error) {
    return unexpectedFailure(visit, error);
  }
}

/** What has no id cannot be answered with an error, so the status has to say it (2025-11-25, basic/transports). */
function notTaken(failure: Failure): Delivery {
  const { status, error } = toWire(failure);
  return {
    status: status === 200 ? statusOfUntaken(failure) : status,
    headers: { 'content-type': 'application/json' },
    body: errorText(undefined, error),
  };
}

/** What an upstream refuses is the client's to mend; what else may fail there is not. */
function statusOfUntaken(failure: Failure): number {
  const refused = failure.kind === 'upstream-refused' || (failure.kind === 'upstream-http' && failure.status < 500);
  return refused ? 400 : 502;
}

// --------------------------------------------------------------------------------------------- refusals and records

/** What is known of a request when a line about it is written. */
interface About {
  readonly era?: Era;
  readonly server?: VirtualServer;
  readonly caller?: Caller;
  readonly session?: Pick<ClientSession, 'key'>;
  readonly request?: RequestMessage | undefined;
}

/** Runs one stage. What it throws ends the journey as any failure does, under the id of the request it was for. */
function attempt<T>(visit: Visit, stage: string, work: () => Promise<Result<T>>): Promise<Result<T>> {
  return orFailure(visit, () => inSpan(visit.trace.root, stage, work));
}

async function orFailure<T>(visit: Visit, work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    return fail(unexpectedFailure(visit, error));
  }
}

function refuse(
  visit: Visit,
  failure: Failure,
  about: About = {},
  tally: UpstreamTally = newTally({ span: visit.trace.root.begin('refused') }),
): Delivery {
  const { status, headers, error } = toWire(failure);
  const text = errorText(about.request?.idText, error);
  const recorder = recordCall(visit, about, about.request, tally.span);
  recorder.sent(text);
  const end = { outcome: outcomeOf(failure), errorKind: failure.kind, status };
  noteTiming(visit, recorder.finish(end, shareOf(visit, about.server, tally)));
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: text };
}

function recordCall(visit: Visit, about: About, request: RequestMessage | undefined, span: Span) {
  const name = request?.params?.['name'];
  const named = request?.method === 'tools/call' || request?.method === 'prompts/get';
  const tool = named && typeof name === 'string' ? name : null;
  return visit.record({ ...subjectOf(visit, about), method: request?.method ?? null, tool }, span);
}

function subjectOf(visit: Visit, about: About) {
  return {
    era: about.era ?? null,
    caller: about.caller?.key ?? null,
    session: about.session?.key ?? null,
    server: about.server?.name ?? null,
    bytesIn: visit.request.bodyBytes,
  };
}

/** Which upstream it was is known when the call was for one, or when there is one and that was asked. */
function shareOf({ ports }: Visit, server: VirtualServer | undefined, { attempts, cost, upstream }: UpstreamTally) {
  const { requests } = cost;
  const only = requests > 0 && server?.upstreams.length === 1 ? server.upstreams[0]?.name : undefined;
  const waitedMs = waitedBy(cost, ports.clock.elapsed());
  return { upstream: upstream ?? only ?? null, attempts, requests, waitedMs };
}
