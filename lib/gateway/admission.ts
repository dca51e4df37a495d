/** One attempt to call an upstream, where its breaker and its slots let it through. */
import {
  admittedOnBelief,
  askBreaker,
  healthShownBy,
  type Admission,
  type Health,
  type Turn,
} from '../policies/breaker.ts';
import { claimSlot, type Slot } from '../policies/slots.ts';
import { inSpan } from '../ports/tracer.ts';
import { upstreamKey } from '../upstream/eras.ts';
import { callUpstream } from './upstream-call.ts';
import type { CallEvent, CallFailure, Line, UpstreamRequest } from './upstream-call.ts';

/** As `callUpstream`; ends with `breaker-open` or `upstream-busy` when the upstream was not called. */
export async function* callAdmitted(
  line: Line,
  request: UpstreamRequest,
): AsyncGenerator<CallEvent | CallFailure, void> {
  const admission = await admit(line);
  if (admission.kind === 'refused') {
    const { retryAfterMs } = admission;
    yield { kind: 'end', end: { kind: 'breaker-open', retryAfterMs }, era: line.preferred };
    return;
  }
  let health: Health = 'unclear';
  /** What has been shown once is settled: a trial does not last until its call has ended. */
  let isSettled = false;
  const settle = (): void => {
    if (isSettled) return;
    isSettled = true;
    line.work.defer(async () => tellTurn(line, await admission.settle(health)));
  };
  try {
    const { maxConcurrent } = line.upstream.config;
    const events = maxConcurrent === undefined ? callUpstream(line, request) : callInSlot(line, request, maxConcurrent);
    for await (const event of events) {
      health = event.kind === 'end' ? healthShownBy(event.end) : event.kind === 'failure' ? 'unclear' : 'well';
      // A session that opens is none yet.
      if (admission.isTrial === true && event.kind === 'interim') settle();
      yield event;
    }
  } finally {
    settle();
  }
}

function tellTurn({ work, upstream }: Line, turn: Turn | undefined): void {
  if (turn === undefined) return;
  const kind = turn === 'opened' ? 'breaker-opened' : 'breaker-closed';
  work.ports.actionLog.notice(work.invocation.requestId, { kind, upstream: upstream.name });
}

/** A breaker that cannot be asked is closed: the store costs a call its protection, not its life. */
async function admit({ work, upstream, deadline, connection }: Line): Promise<Admission> {
  const { breaker } = upstream.config;
  const unguarded: Admission = { kind: 'admitted', settle: async () => undefined };
  if (breaker === false) return unguarded;
  const { clock, ids } = work.ports;
  const tools = { store: () => work.stores.breakers, cache: work.shared.breakerCache, clock, ids };
  const key = upstreamKey(upstream, ids);
  const believed = deadline.expiry() === undefined ? admittedOnBelief(key, breaker, tools) : undefined;
  if (believed !== undefined) return believed;
  const asking = askBreaker(key, breaker, deadline.endsAt, tools);
  try {
    return await inSpan(connection.tally.span, 'admission', () => work.within(deadline, asking));
  } catch (error) {
    if (deadline.expiry() !== undefined) {
      work.defer(() => giveUp(asking));
      throw error;
    }
    work.ports.actionLog.defect(work.invocation.requestId, error);
    return unguarded;
  }
}

/** The call has ended before it was let through. If it then is, as the only one, others are let through instead. */
async function giveUp(asking: Promise<Admission>): Promise<void> {
  const [asked] = await Promise.allSettled([asking]);
  if (asked.status === 'fulfilled' && asked.value.kind === 'admitted') await asked.value.settle('unclear');
}

async function* callInSlot(
  line: Line,
  request: UpstreamRequest,
  most: number,
): AsyncGenerator<CallEvent | CallFailure, void> {
  const slot = await slotOf(line, most);
  if (slot.kind === 'full') {
    const end = line.deadline.expiry() ?? { kind: 'upstream-busy', retryAfterMs: slot.retryAfterMs };
    yield { kind: 'end', end, era: line.preferred };
    return;
  }
  try {
    yield* callUpstream(line, request);
  } finally {
    line.work.defer(slot.release);
  }
}

/** A store that cannot be asked leaves nobody through: the limit holds. */
async function slotOf({ work, upstream, deadline, connection }: Line, most: number): Promise<Slot> {
  const { clock, ids } = work.ports;
  const tools = { store: work.stores.slots, clock, ids };
  const key = upstreamKey(upstream, ids);
  return inSpan(connection.tally.span, 'admission', () =>
    work.within(deadline, claimSlot(key, most, deadline.endsAt, deadline.signal, tools)),
  );
}
