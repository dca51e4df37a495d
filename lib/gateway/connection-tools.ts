/** What upstream connections are given to work with, on behalf of one HTTP request. */
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import { inSpan } from '../ports/tracer.ts';
import type { UpstreamEras } from '../ports/upstream-eras.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import type { EraTools } from '../upstream/eras.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import { closeUpstreamSession } from '../upstream/session.ts';
import { post, type ConnectionTools, type UpstreamLink } from '../upstream/streamable-http.ts';
import type { Work } from './work.ts';

/** How long work that outlives its answer may take upstream. */
const AFTERWORD_MS = 2000;

/** The client has had its last word by then, so this much of the invocation is enough to end it, in milliseconds. */
const AFTERWORD_LEAVE_MS = 100;

/** An upstream that could not end a session is asked again after this, in milliseconds. */
const TRY_AGAIN_MS = 60_000;

export function connectionTools(work: Work, deadline: Deadline, tally: UpstreamTally): ConnectionTools {
  return {
    transport: work.ports.transport,
    clock: work.ports.clock,
    maxMessageBytes: work.shared.config.limits.upstreamMessageBytes,
    limits: deadline,
    tally,
    ancestry: tally.ancestry ?? work.ancestry,
    clientHeaders: work.clientHeaders,
    post,
    defer: (afterword) => work.defer(() => asAfterword(work, afterword)),
    leave: (upstream, session) =>
      work.defer(async () =>
        (await import('./retired-sessions.ts')).leaveToSweep(work, upstream, session, TRY_AGAIN_MS),
      ),
  };
}

export function eraTools(work: Work, connection: ConnectionTools): EraTools {
  return {
    cache: work.shared.eraCache,
    store: {
      read: (upstream) => inSpan(connection.tally.span, 'eras', () => recallEras(work, upstream)),
      write: (upstream, eras, expiresAt) => work.stores.upstreamEras.write(upstream, eras, expiresAt),
    },
    ids: work.ports.ids,
    identity: work.shared.identity,
    connection,
  };
}

/** What is remembered saves a probe, no more: a store that does not answer costs a call the probe, not its life. */
async function recallEras(work: Work, upstream: string): Promise<UpstreamEras | undefined> {
  try {
    return await work.stores.upstreamEras.read(upstream);
  } catch (error) {
    work.ports.actionLog.defect(work.invocation.requestId, error);
    return undefined;
  }
}

/** Runs work under a deadline of its own: the one of the call it followed from may have passed. */
export async function asAfterword(work: Work, afterword: (tools: ConnectionTools) => Promise<unknown>): Promise<void> {
  const { endsAt } = work.invocation;
  const limits = { totalMs: AFTERWORD_MS, idleMs: undefined, endsAt, leaveMs: AFTERWORD_LEAVE_MS };
  const deadline = startDeadline(work.ports.clock, limits);
  try {
    await afterword(connectionTools(work, deadline, newTally({ span: work.trace.root })));
  } finally {
    deadline.stop();
  }
}

/** Closes an upstream session without making the client wait. */
export function closeLater(work: Work, upstream: UpstreamLink, session: UpstreamSession): void {
  work.defer(() => asAfterword(work, (tools) => closeUpstreamSession(upstream, session, tools)));
}
