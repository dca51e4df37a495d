/**
 * `resources/subscribe` and its opposite, of legacy clients: what a client session wants to hear about is kept with it. A
 * legacy upstream is told in the client session's own upstream session; a modern one, which is told with each stream that
 * is opened there, is only asked whether it tells of updates.
 */
import { unknownName, upstreamNamed } from '../catalog/plan.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import { isSubscribable, MAX_SUBSCRIPTIONS, UNSUBSCRIBABLE } from '../protocol/announcements.ts';
import { callToLegacy, type Call } from '../protocol/call.ts';
import { carriedServerCapabilities, tellsOf } from '../protocol/capabilities.ts';
import { isObject, resultText, type ResponseMessage } from '../protocol/message.ts';
import type { TraceContext } from '../protocol/trace-context.ts';
import { SESSION_TTL_MS } from '../sessions/client-session.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import { callAdmitted } from './admission.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { endingOfFailure, endingOfResponse, failureOf, unexpectedFailure, type Ending } from './ending.ts';
import type { Errand, LegacyScope } from './errand.ts';
import { ownRequest } from './fetching.ts';
import { noteAnnouncement } from './news.ts';
import { candidatesOf, UNKNOWN_RESOURCE } from './resources.ts';
import { keeperFor } from './upstream-sessions.ts';
import type { Visit } from './visit.ts';

export async function changeSubscription(
  visit: Visit,
  scope: LegacyScope,
  call: Call,
  uri: string,
  tally: UpstreamTally,
): Promise<Ending> {
  const { idText, method } = call.request;
  // Nobody is promised what has no way back to the client.
  if (visit.shared.config.listen === 'off') return notServed(call);
  if (!isSubscribable(uri)) return endingOfFailure({ kind: 'invalid-params', reason: UNSUBSCRIBABLE }, idText);
  try {
    return await (method === 'resources/subscribe' ? subscribe : unsubscribe)(visit, scope, call, uri, tally);
  } catch (error) {
    return endingOfFailure(unexpectedFailure(visit, error), idText);
  }
}

async function subscribe(
  visit: Visit,
  scope: LegacyScope,
  call: Call,
  uri: string,
  tally: UpstreamTally,
): Promise<Ending> {
  const { idText } = call.request;
  let refused: Ending | undefined;
  const candidates = (await candidatesOf(visit, scope, [uri], tally)).get(uri) ?? [];
  for (const upstream of candidates) {
    const errand = { visit, scope, call, upstream, targetName: uri, tally: newTally(tally) };
    const { ending, generation } = await askUpstream(errand, scope);
    Object.assign(tally, errand.tally);
    if (ending.outcome === 'ok') {
      const { listening } = visit.stores;
      const subscription = { uri, upstream: upstream.name, generation };
      const expiresAt = visit.ports.clock.now() + SESSION_TTL_MS;
      const fits = await listening.subscribe(scope.session.key, subscription, MAX_SUBSCRIPTIONS, expiresAt);
      return fits ? ending : endingOfFailure({ kind: 'invalid-params', reason: TOO_MANY }, idText);
    }
    if (!UNKNOWN_RESOURCE.has(ending.errorKind) && ending.errorKind !== 'method-not-found') return ending;
    refused ??= ending;
  }
  return refused ?? endingOfFailure(unknownName({ what: 'resource', name: uri }), idText);
}

const TOO_MANY = `A session may subscribe to no more than ${MAX_SUBSCRIPTIONS} resources`;

/** One that is not subscribed to is not worth an error, as its client will not hear of it. */
async function unsubscribe(
  visit: Visit,
  scope: LegacyScope,
  call: Call,
  uri: string,
  tally: UpstreamTally,
): Promise<Ending> {
  const { listening } = visit.stores;
  const { subscriptions } = await listening.read(scope.session.key);
  const subscription = subscriptions.find((one) => one.uri === uri);
  if (subscription === undefined) return nothingToSay(call);
  await listening.unsubscribe(scope.session.key, uri);
  const upstream = upstreamNamed(scope.server, subscription.upstream);
  if (upstream === undefined || subscription.generation === null) return nothingToSay(call);
  const errand = { visit, scope, call, upstream, targetName: uri, tally };
  return (await askUpstream(errand, scope)).ending;
}

interface Asked {
  readonly ending: Ending;
  /** The upstream session that has been told; null for an upstream without. */
  readonly generation: string | null;
}

async function askUpstream(errand: Errand, scope: LegacyScope): Promise<Asked> {
  const { visit, upstream } = errand;
  const deadline = startDeadline(visit.ports.clock, {
    totalMs: upstream.config.timeoutMs,
    spentMs: visit.elapsedMs,
    idleMs: upstream.config.idleTimeoutMs,
    endsAt: visit.invocation.endsAt,
  });
  try {
    return await askWithin(errand, scope, deadline);
  } catch (error) {
    const expiry = deadline.expiry();
    const failure = expiry === undefined ? unexpectedFailure(visit, error) : failureOf(expiry, errand);
    return { ending: endingOfFailure(failure, errand.call.request.idText), generation: null };
  } finally {
    deadline.stop();
  }
}

async function askWithin(errand: Errand, scope: LegacyScope, deadline: Deadline): Promise<Asked> {
  const { visit, upstream, call, targetName, tally } = errand;
  const connection = connectionTools(visit, deadline, tally);
  // Whoever subscribes is not asked anything by the way.
  const keeper = { ...keeperFor(visit, scope, upstream, deadline, tally.span), canAsk: false };
  const eras = eraTools(visit, connection);
  const line = { work: visit, upstream, preferred: scope.era, keeper, deadline, connection, eras };
  const request = {
    modern: ownRequest(visit, 'server/discover', {}),
    legacy: (id: string, context: TraceContext) => callToLegacy(call, id, targetName, context),
  };
  const { idText } = call.request;
  for await (const event of callAdmitted(line, request)) {
    switch (event.kind) {
      case 'opened':
        continue;
      case 'interim':
        noteAnnouncement(visit, scope, upstream, event.message);
        continue;
      case 'failure':
        return { ending: endingOfFailure(event.failure, idText), generation: null };
      case 'end':
        return { ending: endingOfFailure(failureOf(event.end, errand), idText), generation: null };
      case 'final': {
        if (event.era === 'modern') {
          // Between polls nobody listens to it, and what it says is lost.
          const isLost = visit.shared.config.listen === 'poll';
          return { ending: isLost ? notServed(call) : judgeModern(event.response, errand), generation: null };
        }
        const session = await keeper.current();
        // The session on an HTTP+SSE server has ended with this call, and the subscription with it.
        if (session === undefined) return { ending: notServed(call), generation: null };
        return { ending: endingOfResponse(event.response, 'legacy', errand), generation: session.generation };
      }
    }
  }
  const failure = failureOf({ kind: 'upstream-closed' }, errand);
  return { ending: endingOfFailure(failure, idText), generation: null };
}

/** Of a modern upstream it is known from what it says of itself whether it tells of updates at all. */
function judgeModern(response: ResponseMessage, errand: Errand): Ending {
  const { call } = errand;
  const { body } = response;
  if ('error' in body) return endingOfResponse(response, 'modern', errand);
  const { capabilities } = body.result;
  const carried = carriedServerCapabilities(isObject(capabilities) ? capabilities : {});
  return tellsOf(carried, 'updates') ? nothingToSay(call) : notServed(call);
}

function notServed({ request }: Call): Ending {
  return endingOfFailure({ kind: 'method-not-found', method: request.method, modern: false }, request.idText);
}

function nothingToSay({ request }: Call): Ending {
  return { kind: 'final', text: resultText(request.idText, {}), status: 200, outcome: 'ok', errorKind: null };
}
