/** Upstream sessions in which a call has failed: when that casts doubt on one, and how it proves itself. */
import type { Ids } from '../ports.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import { requestText } from '../protocol/message.ts';
import { exchange } from './exchange.ts';
import { newTally, type CallEnd } from './fault.ts';
import { sessionHeaders } from './session.ts';
import type { ConnectionTools, UpstreamLink } from './streamable-http.ts';

/** Who remembers what is known of a session. */
interface Memory {
  readonly doubt: (session: UpstreamSession) => void;
  readonly trust: (session: UpstreamSession) => void;
}

/**
 * Ends that may be the session's fault: the upstream went on without it, or has lost part of it. That the upstream could
 * not be reached at all says nothing of its sessions.
 */
const DOUBTFUL: ReadonlySet<CallEnd['kind']> = new Set([
  'upstream-reset',
  'upstream-closed',
  'upstream-timeout',
  'upstream-idle',
  'upstream-garbled',
]);

function isDoubtful(end: CallEnd): boolean {
  return DOUBTFUL.has(end.kind) || (end.kind === 'upstream-http' && end.status >= 500);
}

/** Notes an end that casts doubt on the session. Without an id there is nothing that could be replaced. */
export function judgeByEnd(end: CallEnd, session: UpstreamSession, memory: Memory): void {
  if (session.id !== null && isDoubtful(end)) memory.doubt(session);
}

/**
 * Whether a doubted session answers a ping, under limits of the ping's own; one that does is trusted again. A call that
 * ends meanwhile does not wait for that.
 */
export async function proves(
  session: UpstreamSession,
  link: UpstreamLink,
  memory: Memory,
  ids: Ids,
  tools: ConnectionTools,
): Promise<boolean> {
  const answered = Promise.withResolvers<boolean>();
  const { signal } = tools.limits;
  const giveUp = (): void => answered.resolve(true);
  tools.defer(async (later) => {
    const probe = { ...later, post: tools.post, tally: newTally(tools.tally) };
    try {
      const sound = await answersPing(link, session, ids, probe);
      if (sound) memory.trust(session);
      answered.resolve(sound);
    } finally {
      answered.resolve(false);
    }
  });
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await answered.promise;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Any answer is one, an error too: it comes from a server that knows the session. */
async function answersPing(
  link: UpstreamLink,
  session: UpstreamSession,
  ids: Ids,
  tools: ConnectionTools,
): Promise<boolean> {
  const id = ids.random();
  const request = { id, body: () => requestText(id, 'ping', {}), headers: sessionHeaders(session) };
  for await (const event of exchange(link, request, tools)) if (event.kind === 'final') return true;
  return false;
}
