/** What the gateway answers by itself, with or without asking the upstream first. */
import { fail, succeed, type Result } from '../errors.ts';
import type { ClientSession } from '../ports.ts';
import type { RequestMessage } from '../protocol/message.ts';
import { JSON_RPC, resultText } from '../protocol/message.ts';
import { isLogLevel } from '../protocol/methods.ts';
import { attachedSession } from '../upstream/legacy.ts';
import type { UpstreamTally } from '../upstream/fault.ts';
import { introduce } from './handshake.ts';
import { endingOfFailure, unexpectedFailure, type Ending, type RelayReply } from './ending.ts';
import type { Errand, LegacyScope, Scope } from './errand.ts';
import { relay } from './relay.ts';
import type { Visit } from './visit.ts';

export async function answerHere(
  visit: Visit,
  scope: Scope,
  request: RequestMessage,
  tally: UpstreamTally,
): Promise<Ending> {
  if (scope.era === 'legacy') return emptyResult(request);
  try {
    const introduced = await visit.ports.tracer.stage('discover', () => introduce(visit, scope, request, tally));
    return introduced.ok ? success(introduced.value) : endingOfFailure(introduced.failure, request.idText);
  } catch (error) {
    return endingOfFailure(unexpectedFailure(visit, error), request.idText);
  }
}

/**
 * Keeps the level with the client session, for upstream sessions attached later, and passes it to the one attached
 * now. An upstream that does not log has nothing to set.
 */
export async function* setLogLevel(errand: Errand, scope: LegacyScope): AsyncGenerator<RelayReply, void> {
  const { visit, call, upstream } = errand;
  const { request } = call;
  const level = request.params?.['level'];
  if (!isLogLevel(level)) {
    yield endingOfFailure({ kind: 'invalid-params', reason: 'level must be a log level of RFC 5424' }, request.idText);
    return;
  }
  const kept = await keepLogLevel(visit, scope, level);
  if (!kept.ok) {
    yield endingOfFailure(kept.failure, request.idText);
    return;
  }
  const session = kept.value;
  if (attachedSession(session, upstream) === undefined) {
    yield emptyResult(request);
    return;
  }
  for await (const reply of relay({ ...errand, scope: { ...scope, session } })) {
    const hasNoLogs = reply.kind === 'final' && reply.errorKind === String(JSON_RPC.methodNotFound);
    yield hasNoLogs ? emptyResult(request) : reply;
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
