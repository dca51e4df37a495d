/** A call on its way to an upstream and back: deadline, connection, and the client's form of what returns. */
import type { ServerUpstream } from '../catalog/plan.ts';
import { watchForCancellation } from '../policies/cancellation.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import { callToLegacy, callToModern, progressTokenText, type HandedOver } from '../protocol/call.ts';
import { expectsPriming } from '../protocol/era.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import { interimToClient } from '../protocol/interim.ts';
import { mentionsKey } from '../protocol/idempotency-key.ts';
import { parseJson, type NotificationMessage, type RequestMessage } from '../protocol/message.ts';
import { listsChangedBy, RESOURCE_UPDATED } from '../protocol/methods.ts';
import { NAMED_BY } from '../protocol/modern/envelope.ts';
import { saysToolIsUnknown } from '../protocol/unknown-tool.ts';
import type { ModernSelf } from '../protocol/translation/request.ts';
import { callAdmitted } from './admission.ts';
import { withRetries } from './attempts.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { NOTHING_SAID, toolConfigOf } from './effects.ts';
import { endingOfFailure, endingOfResponse, failureOf, replayed, unexpectedFailure } from './ending.ts';
import type { Ending, RelayReply } from './ending.ts';
import type { Errand, Scope } from './errand.ts';
import { withMirroredParams } from './mirrored-params.ts';
import type { CallEvent, CallFailure, Line, UpstreamRequest } from './upstream-call.ts';
import { keeperFor } from './upstream-sessions.ts';
import type { Visit } from './visit.ts';

type RelayEvent = CallEvent | CallFailure;

/** Relays the call. Exactly one ending comes last, unless the call is handed over; nothing is thrown. */
export async function* relay(given: Errand): AsyncGenerator<RelayReply, void> {
  const errand: Errand = { ...given, upstream: underToolLimits(given) };
  errand.tally.upstream = errand.upstream.name;
  const { visit, call, upstream } = errand;
  const deadline = startCallDeadline(errand);
  const stopWatching = watchClient(errand, deadline);
  const progressToken = progressTokenText(call.request);
  const logLevel = wantedLogLevel(errand.scope);
  try {
    for await (const event of guardedEvents(errand, deadline)) {
      if (event.kind === 'opened') continue;
      if (event.kind !== 'interim') {
        yield (await handOverOf(event, errand)) ?? endingOf(event, errand);
        return;
      }
      const { message } = event;
      if (isNews(message)) (await import('./news.ts')).noteAnnouncement(visit, errand.scope, upstream, message);
      const text = interimToClient(message, {
        era: call.era,
        upstreamEra: event.era,
        upstream: upstream.name,
        requestId: event.requestId,
        progressToken,
        logLevel,
      });
      if (text !== undefined) yield { kind: 'interim', text };
    }
  } finally {
    deadline.stop();
    stopWatching();
  }
}

/** Most calls bring none. */
function isNews({ method }: NotificationMessage | RequestMessage): boolean {
  return method === RESOURCE_UPDATED || listsChangedBy(method).length > 0;
}

/** The tool's own limits come before those of its upstream. */
function underToolLimits(errand: Errand): ServerUpstream {
  const { upstream } = errand;
  const own = toolConfigOf(errand);
  return own === NOTHING_SAID ? upstream : { ...upstream, config: { ...upstream.config, ...own } };
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
    request: () => cancellationKey(visit, call.request.idText),
    arrivedAt: visit.invocation.arrivedAt,
  };
  const watch = watchForCancellation(clock, visit.stores.mailbox, watched, deadline.cancel);
  return () => visit.defer(() => watch.stop());
}

/** Names a call within its client session, however its id is written. */
export function cancellationKey(visit: Visit, idText: string): string {
  return visit.ports.ids.digest(JSON.stringify(parseJson(idText)));
}

/** A legacy server knows the level of its session; a modern client says with each call what it wants. */
function wantedLogLevel(scope: Scope): string | undefined {
  return scope.era === 'legacy' ? 'any' : scope.envelope.logLevel;
}

/** Turns what the stores throw, and what nobody expected, into an event. */
async function* guardedEvents(errand: Errand, deadline: Deadline): AsyncGenerator<RelayEvent, void> {
  const { visit, scope, upstream, tally } = errand;
  const connection = connectionTools(visit, deadline, tally);
  const line: Line = {
    work: visit,
    upstream,
    preferred: scope.era,
    keeper: keeperFor(visit, scope, upstream, deadline, tally.span),
    deadline,
    connection,
    eras: eraTools(visit, connection),
  };
  try {
    const held = upstream.config.pin ? await visit.within(deadline, holdOf(errand)) : undefined;
    if (held !== undefined) {
      yield { kind: 'failure', failure: held };
      return;
    }
    const attempt = (paramHeaders: Readonly<Record<string, string>>) =>
      callAdmitted(line, toUpstreamRequest(errand, paramHeaders));
    const execute = () => withRetries(errand, deadline, () => withMirroredParams(errand, attempt));
    if (mayHaveKey(errand)) {
      const { executeByKey } = await import('./keyed-call.ts');
      yield* executeByKey(errand, deadline, execute);
    } else {
      allowHandOver(errand);
      yield* execute();
    }
  } catch (error) {
    const expiry = deadline.expiry();
    yield expiry === undefined
      ? { kind: 'failure', failure: unexpectedFailure(visit, error) }
      : { kind: 'end', end: expiry, era: scope.era };
  }
}

/** Whether anything but plain execution may come of what is said of an idempotency key. */
function mayHaveKey(errand: Errand): boolean {
  const { visit, call } = errand;
  if (call.target?.what !== 'tool') return false;
  const isRequired = toolConfigOf(errand).idempotency === 'required';
  return isRequired || mentionsKey(call.request, visit.request.headers['idempotency-key']);
}

async function holdOf(errand: Errand) {
  return (await import('./pinning.ts')).holdOf(errand);
}

function toUpstreamRequest(
  { scope, call, targetName }: Errand,
  mirrored: Readonly<Record<string, string>>,
): UpstreamRequest {
  const { method } = call.request;
  return {
    modern: {
      method,
      name: Object.hasOwn(NAMED_BY, method) ? targetName : undefined,
      paramHeaders: mirrored,
      body: (id, context) =>
        callToModern(call, id, targetName, scope.era === 'legacy' ? modernSelf(scope.session) : undefined, context),
    },
    legacy: (id, context) => callToLegacy(call, id, targetName, context),
  };
}

/** A legacy client of a modern upstream cannot be asked, so nothing is declared that would have it asked. */
function modernSelf({ clientInfo, clientCapabilities, logLevel }: ClientSession): ModernSelf {
  const { extensions } = clientCapabilities;
  return { clientInfo, clientCapabilities: extensions === undefined ? {} : { extensions }, logLevel };
}

/**
 * Only the calls of tools are worth it: everything else can be asked once more. Clients of older revisions do not come
 * back after a stream that ended by itself (2025-06-18, basic/transports, "Sending Messages to the Server"). A
 * call that holds one of its upstream's slots gives it up as it is left, and would run on beside whoever gets the slot.
 */
export function allowHandOver({ scope, call, upstream, tally }: Errand): void {
  if (scope.era !== 'legacy' || scope.mayHandOver === undefined) return;
  if (!expectsPriming(scope.session.protocolVersion) || upstream.config.maxConcurrent !== undefined) return;
  if (call.target?.what === 'tool') tally.mayHandOver = scope.mayHandOver;
}

/** What is left behind of a call that goes on elsewhere; undefined for one that has come to its end. */
async function handOverOf(event: RelayEvent, errand: Errand): Promise<HandedOver | undefined> {
  if (event.kind !== 'end' || errand.tally.mayHandOver === undefined) return undefined;
  return (await import('./continuation.ts')).handOverOf(event, errand);
}

function endingOf(event: Exclude<RelayEvent, { kind: 'interim' | 'opened' }>, errand: Errand): Ending {
  const { visit, scope, upstream, call, targetName } = errand;
  switch (event.kind) {
    case 'final': {
      if (call.target?.what === 'tool' && targetName !== undefined && saysToolIsUnknown(event.response)) {
        visit.defer(async () => (await import('./catalogs.ts')).noteUnknownTool(visit, scope, upstream, targetName));
      }
      const ending = endingOfResponse(event.response, event.era, errand);
      return event.replayed === true ? replayed(ending) : ending;
    }
    case 'end':
      return endingOfFailure(failureOf(event.end, errand), errand.call.request.idText);
    case 'failure':
      return endingOfFailure(event.failure, errand.call.request.idText);
  }
}
