/** A call on its way to an upstream and back: deadline, era, connection, and the client's form of what returns. */
import type { ServerUpstream } from '../catalog/plan.ts';
import type { Failure, UpstreamFault } from '../errors.ts';
import { watchForCancellation } from '../policies/cancellation.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import { progressTokenText } from '../protocol/call.ts';
import type { KnownVersions } from '../ports.ts';
import { interimToClient } from '../protocol/interim.ts';
import { parseJson } from '../protocol/message.ts';
import { forget, hasUnlearned, knownVersions, offeredInstead, type EraTools } from '../upstream/eras.ts';
import type { UpstreamEvent } from '../upstream/exchange.ts';
import { callLegacy, endOfRefusal, type SessionKeeper, type SessionRefused } from '../upstream/legacy.ts';
import { callModern } from '../upstream/modern.ts';
import type { ConnectionTools } from '../upstream/streamable-http.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { endingOfFailure, endingOfResponse, failureOf, unexpectedFailure } from './ending.ts';
import type { Ending, RelayReply } from './ending.ts';
import type { Errand, LegacyScope, ModernScope, Scope } from './errand.ts';
import type { Visit } from './visit.ts';

type RelayEvent = UpstreamEvent | { readonly kind: 'failure'; readonly failure: Failure };

/** Relays the call. Exactly one ending comes last; nothing is thrown. */
export async function* relay(given: Errand): AsyncGenerator<RelayReply, void> {
  const errand: Errand = { ...given, upstream: underToolLimits(given) };
  const { call } = errand;
  const deadline = startCallDeadline(errand);
  const stopWatching = watchClient(errand, deadline);
  const progressToken = progressTokenText(call.request);
  try {
    for await (const event of guardedEvents(errand, deadline)) {
      if (event.kind !== 'interim') {
        yield endingOf(event, errand);
        return;
      }
      const text = interimToClient(event.message, {
        era: call.era,
        upstream: errand.upstream.name,
        requestId: event.requestId,
        progressToken,
        wantsLogs: wantsLogs(errand.scope),
      });
      if (text !== undefined) yield { kind: 'interim', text };
    }
  } finally {
    deadline.stop();
    stopWatching();
  }
}

/** The tool's own limits come before those of its upstream. */
function underToolLimits({ call, upstream, targetName }: Errand): ServerUpstream {
  const { config } = upstream;
  const named = call.rule.target === 'tool' && targetName !== undefined && Object.hasOwn(config.tools, targetName);
  return named ? { ...upstream, config: { ...config, ...config.tools[targetName] } } : upstream;
}

/** The total begins when the request arrived, not when the upstream is called. */
function startCallDeadline({ visit, upstream }: Errand): Deadline {
  return startDeadline(visit.ports.clock, {
    totalMs: upstream.config.timeoutMs,
    spentMs: visit.elapsedMs,
    idleMs: upstream.config.idleTimeoutMs,
    endsAt: visit.invocation.endsAt,
  });
}

/**
 * Lets the client call the call off: a modern one by going away, where that can be seen (2026-07-28,
 * basic/patterns/cancellation), a legacy one by a notification. A legacy client that goes away has not cancelled.
 */
function watchClient({ visit, scope, call }: Errand, deadline: Deadline): () => void {
  if (scope.era === 'modern') {
    const { signal } = visit.request;
    if (signal === undefined) return () => {};
    const onGone = (): void => deadline.cancel();
    if (signal.aborted) onGone();
    signal.addEventListener('abort', onGone, { once: true });
    return () => signal.removeEventListener('abort', onGone);
  }
  const { clock } = visit.ports;
  const watched = {
    clientSession: scope.session.key,
    request: cancellationKey(visit, call.request.idText),
    arrivedAt: visit.invocation.arrivedAt,
  };
  const watch = watchForCancellation(clock, visit.stores.mailbox, watched, deadline.cancel);
  return () => visit.defer(() => watch.stop());
}

/** Names a call within its client session, however its id is written. */
export function cancellationKey(visit: Visit, idText: string): string {
  return visit.ports.ids.digest(JSON.stringify(parseJson(idText)));
}

function wantsLogs(scope: Scope): boolean {
  return scope.era === 'legacy' || scope.envelope.logLevel !== undefined;
}

/** Turns what the stores throw, and what nobody expected, into an event. */
async function* guardedEvents(errand: Errand, deadline: Deadline): AsyncGenerator<RelayEvent, void> {
  const tools = connectionTools(errand.visit, deadline, errand.tally);
  try {
    yield* errand.scope.era === 'modern'
      ? modernEvents(errand, errand.scope, deadline, tools)
      : legacyEvents(errand, errand.scope, deadline, tools);
  } catch (error) {
    const expiry = deadline.expiry();
    yield expiry === undefined ? failureEvent(unexpectedFailure(errand.visit, error)) : { kind: 'end', end: expiry };
  }
}

async function* modernEvents(
  errand: Errand,
  scope: ModernScope,
  deadline: Deadline,
  tools: ConnectionTools,
): AsyncGenerator<RelayEvent, void> {
  const { visit, call, upstream, targetName } = errand;
  const { version } = scope.envelope;
  const eras = eraTools(visit, tools);
  const known = await visit.within(deadline, knownVersions(upstream, 'modern', eras));
  if (known.kind === 'end') {
    yield known;
    return;
  }
  const lacking = async (): Promise<RelayEvent> => {
    const offered = await visit.within(deadline, offeredInstead(upstream, 'modern', eras));
    return failureEvent(eraLacking(upstream.name, true, version, offered));
  };
  if (!known.versions.includes(version)) {
    yield await lacking();
    return;
  }
  const id = visit.ports.ids.random();
  for await (const event of callModern(upstream, call, targetName, visit.request.headers, id, tools)) {
    if (event.kind !== 'era-wrong') {
      yield event;
    } else if (await visit.within(deadline, hasUnlearned(upstream, eras))) {
      forget(upstream, 'modern', eras);
      yield await lacking();
    } else {
      yield event.otherwise;
    }
  }
}

async function* legacyEvents(
  errand: Errand,
  scope: LegacyScope,
  deadline: Deadline,
  tools: ConnectionTools,
): AsyncGenerator<RelayEvent, void> {
  const { visit, call, upstream, targetName } = errand;
  const { session, canAsk } = scope;
  const { clientSessions } = visit.stores;
  const keeper: SessionKeeper = {
    client: session,
    attach: (opened, replaces) =>
      visit.within(deadline, clientSessions.attach(session.key, upstream.name, opened, replaces)),
    logLevel: async () => (await visit.within(deadline, clientSessions.read(session.key)))?.logLevel,
  };
  for await (const event of callLegacy(upstream, call, targetName, keeper, canAsk, visit.ports.ids, tools)) {
    if (event.kind === 'session-gone') yield failureEvent({ kind: 'session-unknown' });
    else if (event.kind !== 'session-refused') yield event;
    else {
      const eras = eraTools(visit, tools);
      yield await visit.within(deadline, explainRefusal(upstream, session.protocolVersion, event.refusal, eras));
    }
  }
}

/** An upstream that refuses `initialize` and answers `server/discover` is modern; another one has its own reason. */
export async function explainRefusal(
  upstream: ServerUpstream,
  requested: string,
  refusal: SessionRefused['refusal'],
  eras: EraTools,
): Promise<
  { readonly kind: 'failure'; readonly failure: Failure } | { readonly kind: 'end'; readonly end: UpstreamFault }
> {
  const modern = await offeredInstead(upstream, 'legacy', eras);
  return modern.length > 0
    ? { kind: 'failure', failure: eraLacking(upstream.name, false, requested, modern) }
    : { kind: 'end', end: endOfRefusal(refusal) };
}

export function eraLacking(upstream: string, modern: boolean, requested: string, supported: KnownVersions): Failure {
  return { kind: 'era-lacking', upstream, modern, requested, supported };
}

function failureEvent(failure: Failure): RelayEvent {
  return { kind: 'failure', failure };
}

function endingOf(event: Exclude<RelayEvent, { kind: 'interim' }>, errand: Errand): Ending {
  switch (event.kind) {
    case 'final':
      return endingOfResponse(event.response, errand);
    case 'end':
      return endingOfFailure(failureOf(event.end, errand), errand.call.request.idText);
    case 'failure':
      return endingOfFailure(event.failure, errand.call.request.idText);
  }
}
