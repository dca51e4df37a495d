/**
 * What a legacy client says that is no request: notifications, and answers to an upstream's questions. They go into the
 * client session's own upstream session, from whatever environment they reach.
 */
import { upstreamNamed, type ServerUpstream, type VirtualServer } from '../catalog/plan.ts';
import type { Failure } from '../errors.ts';
import { startDeadline } from '../policies/deadline.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import { notificationToUpstream } from '../protocol/legacy/notification.ts';
import { answerToUpstream, fromClientQuestionId } from '../protocol/legacy/server-requests.ts';
import type { NotificationMessage, ResponseMessage } from '../protocol/message.ts';
import { notificationRule } from '../protocol/methods.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import { attachedSession } from '../upstream/legacy.ts';
import { tellUpstream } from '../upstream/session.ts';
import { closeLater, connectionTools } from './connection-tools.ts';
import { upstreamFailure } from './ending.ts';
import { cancellationKey } from './relay.ts';
import type { Visit } from './visit.ts';

/** A cancellation that no environment is waiting for is of no use after the longest possible invocation. */
const CANCELLATION_TTL_MS = 15 * 60 * 1000;

/** Longer reasons than this are cut, in characters: they are kept for a while. */
const MAX_REASON_CHARS = 1024;

/** Undefined when the notification was taken, or means nothing here; unknown ones are nobody's. */
export async function takeNotification(
  visit: Visit,
  server: VirtualServer,
  session: ClientSession,
  notification: NotificationMessage,
  tally: UpstreamTally,
): Promise<Failure | undefined> {
  const plan = notificationRule(notification.method, 'legacy')?.plan;
  if (plan === 'deliver') await leaveCancellation(visit, session, notification);
  if (plan !== 'all') return undefined;
  const text = notificationToUpstream(notification.text);
  // A progress token is the upstream's own: of several upstreams, nobody could tell whose.
  if (notification.method === 'notifications/progress' && server.upstreams.length > 1) return undefined;
  const told = server.upstreams.map((upstream) => forward(visit, upstream, session, text, newTally(tally)));
  return (await Promise.all(told)).find((failure) => failure !== undefined);
}

/** Undefined when the upstream that asked has taken the answer. */
export async function takeAnswer(
  visit: Visit,
  server: VirtualServer,
  session: ClientSession,
  answer: ResponseMessage,
  tally: UpstreamTally,
): Promise<Failure | undefined> {
  const question = answer.idText === undefined ? undefined : fromClientQuestionId(answer.idText);
  const upstream = question && upstreamNamed(server, question.upstream);
  if (question === undefined || upstream === undefined || attachedSession(session, upstream) === undefined) {
    return { kind: 'invalid-request', reason: 'Nothing in this session asked what this answers' };
  }
  return forward(visit, upstream, session, answerToUpstream(answer.text, question.idText), tally);
}

/** Ends every upstream session of a client session that is over, without making the client wait. */
export function closeUpstreamSessions(visit: Visit, server: VirtualServer, session: ClientSession): void {
  for (const upstream of server.upstreams) {
    const attached = attachedSession(session, upstream);
    if (attached !== undefined) closeLater(visit, upstream, attached);
  }
}

/** Invalid cancellations are ignored (2025-11-25, basic/utilities/cancellation). */
async function leaveCancellation(visit: Visit, session: ClientSession, { params }: NotificationMessage): Promise<void> {
  const requestId = params?.['requestId'];
  if (typeof requestId !== 'string' && !Number.isInteger(requestId)) return;
  const reason = params?.['reason'];
  const now = visit.ports.clock.now();
  await visit.stores.mailbox.leaveCancellation(
    session.key,
    cancellationKey(visit, JSON.stringify(requestId)),
    {
      reason: typeof reason === 'string' ? reason.slice(0, MAX_REASON_CHARS) : undefined,
      leftAt: visit.invocation.arrivedAt,
    },
    now + CANCELLATION_TTL_MS,
  );
}

async function forward(
  visit: Visit,
  upstream: ServerUpstream,
  session: ClientSession,
  text: string,
  tally: UpstreamTally,
): Promise<Failure | undefined> {
  const attached = attachedSession(session, upstream);
  if (attached === undefined) return undefined;
  const { timeoutMs, idleTimeoutMs } = upstream.config;
  const { elapsedMs: spentMs } = visit;
  const limits = { totalMs: timeoutMs, spentMs, idleMs: idleTimeoutMs, endsAt: visit.invocation.endsAt };
  const deadline = startDeadline(visit.ports.clock, limits);
  try {
    const outcome = await tellUpstream(upstream, attached, text, connectionTools(visit, deadline, tally));
    if (outcome.kind === 'told') return undefined;
    // Nobody can cancel what is only told.
    const end = outcome.end.kind === 'cancelled' ? ({ kind: 'upstream-closed' } as const) : outcome.end;
    return upstreamFailure(visit, end, upstream.name, null, tally);
  } finally {
    deadline.stop();
  }
}
