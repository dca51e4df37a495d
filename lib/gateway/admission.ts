/** One attempt to call an upstream, where its breaker and its slots let it through. */
import { askBreaker, healthShownBy, type Admission, type Health, type Turn } from '../policies/breaker.ts';
import { claimSlot, type Slot } from '../policies/slots.ts';
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
  try {
    for await (const event of callInSlot(line, request)) {
      health = event.kind === 'end' ? healthShownBy(event.end) : event.kind === 'failure' ? 'unclear' : 'well';
      yield event;
    }
  } finally {
    line.work.defer(async () => tellTurn(line, await admission.settle(health)));
  }
}

function tellTurn({ work, upstream }: Line, turn: Turn | undefined): void {
  if (turn === undefined) return;
  const kind = turn === 'opened' ? 'breaker-opened' : 'breaker-closed';
  work.ports.actionLog.notice(work.invocation.requestId, { kind, upstream: upstream.name });
}

/** A breaker that cannot be asked is closed: the store costs a call its protection, not its life. */
async function admit({ work, upstream, deadline }: Line): Promise<Admission> {
  const { breaker } = upstream.config;
  const open: Admission = { kind: 'admitted', settle: async () => undefined };
  if (breaker === false) return open;
  const { clock, ids } = work.ports;
  const tools = { store: work.stores.breakers, cache: work.shared.breakerCache, clock, ids };
  const key = upstreamKey(upstream, ids);
  try {
    return await work.within(deadline, askBreaker(key, breaker, deadline.endsAt, tools));
  } catch (error) {
    if (deadline.expiry() !== undefined) throw error;
    work.ports.actionLog.defect(work.invocation.requestId, error);
    return open;
  }
}

async function* callInSlot(line: Line, request: UpstreamRequest): AsyncGenerator<CallEvent | CallFailure, void> {
  const slot = await slotOf(line);
  if (slot?.kind === 'full') {
    const end = line.deadline.expiry() ?? { kind: 'upstream-busy', retryAfterMs: slot.retryAfterMs };
    yield { kind: 'end', end, era: line.preferred };
    return;
  }
  try {
    yield* callUpstream(line, request);
  } finally {
    if (slot !== undefined) line.work.defer(slot.release);
  }
}

/** Undefined for an upstream without a limit. A store that cannot be asked leaves nobody through: the limit holds. */
async function slotOf({ work, upstream, deadline }: Line): Promise<Slot | undefined> {
  const { maxConcurrent } = upstream.config;
  if (maxConcurrent === undefined) return undefined;
  const { clock, ids } = work.ports;
  const tools = { store: work.stores.slots, clock, ids };
  return work.within(
    deadline,
    claimSlot(upstreamKey(upstream, ids), maxConcurrent, deadline.endsAt, deadline.signal, tools),
  );
}
