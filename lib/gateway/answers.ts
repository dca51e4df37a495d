/** What the gateway answers by itself, with or without asking the upstream first. */
import type { ServerUpstream } from '../catalog/plan.ts';
import { fail, succeed, type Result } from '../errors.ts';
import { startDeadline } from '../policies/deadline.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import type { RequestMessage } from '../protocol/message.ts';
import { resultText } from '../protocol/message.ts';
import { isLogLevel } from '../protocol/methods.ts';
import { attachedSession, replayLogLevel } from '../upstream/legacy.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import { connectionTools } from './connection-tools.ts';
import { endingOfFailure, unexpectedFailure, type Ending } from './ending.ts';
import type { LegacyScope, Scope } from './errand.ts';
import type { Visit } from './visit.ts';

/** An upstream that takes longer over its log level hears it, but is not waited for, in milliseconds. */
const LEVEL_MS = 5000;

export async function answerHere(
  visit: Visit,
  scope: Scope,
  request: RequestMessage,
  tally: UpstreamTally,
): Promise<Ending> {
  if (scope.era === 'legacy') return emptyResult(request);
  try {
    const { discoverAll } = await import('./handshake.ts');
    const introduced = await discoverAll(visit, scope, request, tally);
    return introduced.ok ? success(introduced.value) : endingOfFailure(introduced.failure, request.idText);
  } catch (error) {
    return endingOfFailure(unexpectedFailure(visit, error), request.idText);
  }
}

/**
 * Keeps the level with the client session, for upstream sessions attached later, and passes it to those attached now.
 * What an upstream says to it is between the gateway and the upstream: the level only decides how much it logs.
 */
export async function setLogLevel(
  visit: Visit,
  scope: Scope,
  request: RequestMessage,
  tally: UpstreamTally,
): Promise<Ending> {
  const level = request.params?.['level'];
  if (scope.era !== 'legacy' || !isLogLevel(level)) {
    return endingOfFailure({ kind: 'invalid-params', reason: 'level must be a log level of RFC 5424' }, request.idText);
  }
  const kept = await keepLogLevel(visit, scope, level);
  if (!kept.ok) return endingOfFailure(kept.failure, request.idText);
  await Promise.all(
    scope.server.upstreams.map((upstream) => passLogLevel(visit, upstream, kept.value, level, newTally(tally))),
  );
  return emptyResult(request);
}

async function passLogLevel(
  visit: Visit,
  upstream: ServerUpstream,
  session: ClientSession,
  level: string,
  tally: UpstreamTally,
): Promise<void> {
  const attached = attachedSession(session, upstream);
  if (attached === undefined) return;
  const { endsAt } = visit.invocation;
  const limits = { totalMs: Math.min(upstream.config.timeoutMs, LEVEL_MS), idleMs: undefined, endsAt };
  const deadline = startDeadline(visit.ports.clock, limits);
  try {
    await replayLogLevel(upstream, attached, level, visit.ports.ids, connectionTools(visit, deadline, tally));
  } finally {
    deadline.stop();
  }
}

/** The session as it is once the level is written: an upstream session may have been attached meanwhile. */
async function keepLogLevel(visit: Visit, { session }: LegacyScope, level: string): Promise<Result<ClientSession>> {
  const { clientSessions } = visit.stores;
  try {
    const kept = await clientSessions.setLogLevel(session.key, level);
    const now = kept ? await clientSessions.read(session.key) : undefined;
    return now === undefined ? fail({ kind: 'session-unknown' }) : succeed(now);
  } catch (error) {
    return fail(unexpectedFailure(visit, error));
  }
}

function emptyResult(request: RequestMessage): Ending {
  return success(resultText(request.idText, {}));
}

function success(text: string): Ending {
  return { kind: 'final', text, status: 200, outcome: 'ok', errorKind: null };
}
