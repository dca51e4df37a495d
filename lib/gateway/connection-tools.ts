/** What upstream connections are given to work with, on behalf of one HTTP request. */
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import type { UpstreamEras, UpstreamSession } from '../ports.ts';
import type { EraTools } from '../upstream/eras.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import { closeUpstreamSession } from '../upstream/legacy.ts';
import { post, type ConnectionTools, type UpstreamLink } from '../upstream/streamable-http.ts';
import type { Visit } from './visit.ts';

/** How long work that outlives its answer may take upstream. */
const AFTERWORD_MS = 2000;

/** The client has had its last word by then, so this much of the invocation is enough to end it, in milliseconds. */
const AFTERWORD_LEAVE_MS = 100;

export function connectionTools(visit: Visit, deadline: Deadline, tally: UpstreamTally): ConnectionTools {
  return {
    transport: visit.ports.transport,
    tracer: visit.ports.tracer,
    clock: visit.ports.clock,
    maxMessageBytes: visit.shared.config.limits.upstreamMessageBytes,
    limits: deadline,
    tally,
    post,
    defer: (work) => visit.defer(() => asAfterword(visit, work)),
  };
}

export function eraTools(visit: Visit, connection: ConnectionTools): EraTools {
  return {
    cache: visit.shared.eraCache,
    store: { read: (upstream) => recallEras(visit, upstream), write: visit.stores.upstreamEras.write },
    ids: visit.ports.ids,
    identity: visit.shared.identity,
    connection,
  };
}

/** What is remembered saves a probe, no more: a store that does not answer costs a call the probe, not its life. */
async function recallEras(visit: Visit, upstream: string): Promise<UpstreamEras | undefined> {
  try {
    return await visit.stores.upstreamEras.read(upstream);
  } catch (error) {
    visit.ports.actionLog.defect(visit.invocation.requestId, error);
    return undefined;
  }
}

/** Runs work under a deadline of its own: the one of the call it followed from may have passed. */
async function asAfterword(visit: Visit, work: (tools: ConnectionTools) => Promise<unknown>): Promise<void> {
  const { endsAt } = visit.invocation;
  const limits = { totalMs: AFTERWORD_MS, idleMs: undefined, endsAt, leaveMs: AFTERWORD_LEAVE_MS };
  const deadline = startDeadline(visit.ports.clock, limits);
  try {
    await work(connectionTools(visit, deadline, newTally()));
  } finally {
    deadline.stop();
  }
}

/** Closes an upstream session without making the client wait. */
export function closeLater(visit: Visit, upstream: UpstreamLink, session: UpstreamSession): void {
  visit.defer(() => asAfterword(visit, (tools) => closeUpstreamSession(upstream, session, tools)));
}
