/** A call that another environment had to leave, on the rest of its way. */
import { planCall, upstreamNamed } from '../catalog/plan.ts';
import { watchForCancellation } from '../policies/cancellation.ts';
import { startDeadline } from '../policies/deadline.ts';
import type { Call } from '../protocol/call.ts';
import { interimToClient } from '../protocol/interim.ts';
import { requestText } from '../protocol/message.ts';
import { requestRule } from '../protocol/methods.ts';
import type { Answer } from '../upstream/exchange.ts';
import { handOverPosition, type UpstreamTally } from '../upstream/fault.ts';
import { resumeLegacy } from '../upstream/resumption.ts';
import { connectionTools } from './connection-tools.ts';
import { handedOver, type Continuation } from './continuation.ts';
import { endingOfFailure, endingOfResponse, failureOf, unexpectedFailure, type RelayReply } from './ending.ts';
import type { Errand, LegacyScope } from './errand.ts';
import { noteAnnouncement } from './news.ts';
import { allowHandOver, cancellationKey } from './relay.ts';
import type { Visit } from './visit.ts';

/** Exactly one reply comes last that is final or hands the call over again; nothing is thrown. */
export async function* goOn(
  visit: Visit,
  scope: LegacyScope,
  continuation: Continuation,
  tally: UpstreamTally,
): AsyncGenerator<RelayReply, void> {
  try {
    yield* replies(visit, scope, continuation, tally);
  } catch (error) {
    yield endingOfFailure(unexpectedFailure(visit, error), continuation.idText);
  }
}

async function* replies(
  visit: Visit,
  scope: LegacyScope,
  continuation: Continuation,
  tally: UpstreamTally,
): AsyncGenerator<RelayReply, void> {
  const { idText, position, progressToken } = continuation;
  const errand = errandOf(visit, scope, continuation, tally);
  if (errand === undefined) {
    yield endingOfFailure({ kind: 'stream-lost' }, idText);
    return;
  }
  const { upstream, call } = errand;
  allowHandOver(errand);
  const { deadline, stop } = startLimits(errand, continuation);
  try {
    const tools = connectionTools(visit, deadline, tally);
    for await (const event of resumeLegacy(upstream, position, scope.canAsk, tools)) {
      if (event.kind !== 'interim') {
        yield endOf(event, errand, continuation);
        return;
      }
      const { message, requestId } = event;
      noteAnnouncement(visit, scope, upstream, message);
      const text = interimToClient(message, {
        era: call.era,
        upstreamEra: 'legacy',
        upstream: upstream.name,
        requestId,
        progressToken,
        logLevel: 'any',
      });
      if (text !== undefined) yield { kind: 'interim', text };
    }
  } finally {
    stop();
  }
}

/** The call as far as it matters from here on. Undefined when the virtual server does not show the tool any more. */
function errandOf(
  visit: Visit,
  scope: LegacyScope,
  { upstream: name, method, tool, idText }: Continuation,
  tally: UpstreamTally,
): Errand | undefined {
  const rule = requestRule(method, 'legacy');
  const upstream = upstreamNamed(scope.server, name);
  if (rule === undefined || upstream === undefined) return undefined;
  const request = { kind: 'request', idText, method, params: undefined, text: requestText('', method, {}) } as const;
  const call: Call = { era: 'legacy', request, rule, target: { what: 'tool', name: tool } };
  const plan = planCall(call, scope.server);
  if (!plan.ok || plan.value.kind !== 'one' || plan.value.upstream.name !== name) return undefined;
  const { targetName } = plan.value;
  const { config } = upstream;
  const ofTool = targetName !== undefined && Object.hasOwn(config.tools, targetName) ? config.tools[targetName] : {};
  return { visit, scope, call, upstream: { ...upstream, config: { ...config, ...ofTool } }, targetName, tally };
}

/** The limits of the call go on from when it arrived, and so does the client's right to cancel it. */
function startLimits({ visit, upstream, call, scope }: Errand, { arrivedAt }: Continuation) {
  const { clock } = visit.ports;
  const deadline = startDeadline(clock, {
    totalMs: upstream.config.timeoutMs,
    spentMs: Math.max(0, clock.now() - arrivedAt),
    idleMs: upstream.config.idleTimeoutMs,
    endsAt: visit.invocation.endsAt,
  });
  const clientSession = scope.era === 'legacy' ? scope.session.key : '';
  const request = (): string => cancellationKey(visit, call.request.idText);
  const watched = { clientSession, request, arrivedAt };
  const watch = watchForCancellation(clock, visit.stores.mailbox, watched, deadline.cancel);
  return {
    deadline,
    stop(): void {
      deadline.stop();
      visit.defer(() => watch.stop());
    },
  };
}

function endOf(event: Answer, errand: Errand, continuation: Continuation): RelayReply {
  const { idText } = continuation;
  if (event.kind === 'final') return endingOfResponse(event.response, 'legacy', errand);
  const position = handOverPosition(event.end, errand.tally);
  return position === undefined
    ? endingOfFailure(failureOf(event.end, errand), idText)
    : handedOver({ ...continuation, position });
}
