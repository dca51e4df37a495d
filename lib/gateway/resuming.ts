/**
 * The rest of a stream that broke before a legacy client had all of it (2025-11-25, basic/transports, "Resumability and
 * Redelivery"). What is kept is sent again; then the stream is followed, wherever it is being written, until its last
 * answer. A call that its environment had to leave is taken over.
 */
import { deliverRest, eventStream, HEARTBEAT_MS, RETURN_MS, type Delivery } from '../delivery/response.ts';
import { fail, succeed, type Failure, type Result } from '../errors.ts';
import type { KeptStream } from '../ports/streams.ts';
import { expectsPriming } from '../protocol/era.ts';
import { HEARTBEAT, sseEvent, ssePosition, sseReturn } from '../protocol/sse.ts';
import { newTally, waitedBy } from '../upstream/fault.ts';
import { readContinuation, type Continuation } from './continuation.ts';
import { CLIENT_GONE, endingOfFailure, outcomeOf, unexpectedFailure, type Ending, type RelayReply } from './ending.ts';
import type { LegacyScope } from './errand.ts';
import { eventIdOf, readEventId, streamKey } from './event-ids.ts';
import { holdsUntil, KEPT_MS, readLeftStream, recordRest, type LeftStream } from './stream-recorder.ts';
import { StreamReading } from './stream-reading.ts';
import { goOn } from './taking-over.ts';
import { conclude, type Last } from './timing.ts';
import type { Visit } from './visit.ts';

/** The pause between two looks at a stream that is being written: longer while nothing comes. */
const SHORTEST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 1000;

/** How long a stream may take to be found: its head is written while its first event is sent. */
const PATIENCE_MS = 1000;

/** Left of an invocation when the client is asked to come again. */
const LEAVE_MS = 2000;

/** Clocks differ, and what was written last may have been under way. */
const GRACE_MS = 2000;

type LegacyEnding = Pick<Ending, 'outcome' | 'errorKind' | 'status'>;

const RESUMED: LegacyEnding = { outcome: 'ok', errorKind: null, status: 200 };

/** What a client asks for. */
interface Resumption {
  readonly visit: Visit;
  readonly scope: LegacyScope;
  readonly key: string;
  readonly stream: string;
  readonly lastEventId: string;
  readonly reading: StreamReading;
}

/**
 * An id that says nothing to the gateway, or after which there is nothing to come, is refused with the status that tells
 * clients that there is no stream: the official ones stop asking then, while an empty stream would bring them back again
 * and again.
 */
export async function resumeStream(visit: Visit, scope: LegacyScope, lastEventId: string): Promise<Result<Delivery>> {
  const { clock, ids } = visit.ports;
  const asked = readEventId(lastEventId);
  if (asked?.number === undefined) return fail({ kind: 'stream-unknown' });
  const { stream, number } = asked;
  const reading = new StreamReading(number);
  const resumption = { visit, scope, key: streamKey(ids, scope.session, stream), stream, lastEventId, reading };
  const until = clock.elapsed() + PATIENCE_MS;
  for (;;) {
    const kept = await read(resumption);
    if (kept !== undefined) reading.take(kept);
    if (kept !== undefined && reading.isOver) return fail({ kind: 'stream-unknown' });
    if (kept !== undefined) break;
    if (clock.elapsed() >= until) return fail({ kind: 'stream-unknown' });
    await pause(visit, SHORTEST_PAUSE_MS);
  }
  return succeed(eventStream(recorded(resumption)));
}

function read({ visit, key, reading }: Resumption): Promise<KeptStream | undefined> {
  return visit.stores.streams.read(key, reading.from, visit.ports.clock.now());
}

/** The stream, and its line in the action log. */
async function* recorded(resumption: Resumption): AsyncGenerator<string, void> {
  const { visit, scope } = resumption;
  const recorder = visit.record(
    { ...subjectOf(scope), method: 'GET', tool: null, bytesIn: 0 },
    visit.trace.root.begin('resume'),
  );
  const events = follow(resumption);
  let ending: LegacyEnding = CLIENT_GONE;
  try {
    for (;;) {
      const next = await events.next();
      if (next.done === true) {
        ending = next.value;
        return;
      }
      recorder.sent(next.value);
      yield next.value;
    }
  } finally {
    await events.return(CLIENT_GONE);
    recorder.finish(ending, { upstream: null, waitedMs: 0, requests: 0, attempts: 0 });
  }
}

async function* follow(resumption: Resumption): AsyncGenerator<string, LegacyEnding> {
  const { visit, scope, reading, stream, lastEventId } = resumption;
  const { clock } = visit.ports;
  if (expectsPriming(scope.session.protocolVersion)) yield ssePosition(lastEventId);
  let spokeAt = clock.elapsed();
  let pauseMs = SHORTEST_PAUSE_MS;
  try {
    for (;;) {
      for (const { number, text } of reading.drain()) {
        yield sseEvent(text, eventIdOf({ stream, number }));
        spokeAt = clock.elapsed();
        pauseMs = SHORTEST_PAUSE_MS;
      }
      if (reading.isOver) return RESUMED;
      const failure = lossOf(resumption);
      if (failure !== undefined) return yield* tell(resumption, failure);
      const taken = await takeOver(resumption);
      if (taken !== undefined) {
        yield* taken;
        return RESUMED;
      }
      if (visit.request.signal?.aborted === true) return CLIENT_GONE;
      if (visit.invocation.endsAt - clock.now() < LEAVE_MS) break;
      if (clock.elapsed() - spokeAt >= HEARTBEAT_MS) {
        yield HEARTBEAT;
        spokeAt = clock.elapsed();
      }
      await pause(visit, pauseMs);
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      const kept = await read(resumption);
      if (kept === undefined) return yield* tell(resumption, { kind: 'stream-not-kept' });
      reading.take(kept);
    }
  } catch (error) {
    // The client may well find another moment at which the store answers.
    unexpectedFailure(visit, error);
  }
  // Older clients take the end of a stream for the end of everything, and would wait for their answers in vain.
  if (!expectsPriming(scope.session.protocolVersion)) return yield* tell(resumption, { kind: 'stream-lost' });
  yield sseReturn(eventIdOf({ stream, number: reading.last }), RETURN_MS);
  return RESUMED;
}

/** Why nothing more will come of a stream that has not come to its end. */
function lossOf({ visit, reading }: Resumption): Failure | undefined {
  if (reading.isBroken) return { kind: 'stream-not-kept' };
  const { heldUntil, continuation } = reading.head;
  const goesOn =
    continuation === undefined ? visit.ports.clock.now() <= heldUntil + GRACE_MS : readLeft(continuation) !== undefined;
  return goesOn ? undefined : { kind: 'stream-lost' };
}

/** An error for each request that is still to be answered. They were never kept, so there is nothing after the last one. */
async function* tell({ reading, stream }: Resumption, failure: Failure): AsyncGenerator<string, LegacyEnding> {
  const left = reading.unanswered;
  for (const [index, idText] of left.entries()) {
    const { text } = endingOfFailure(failure, idText);
    yield sseEvent(text, index === left.length - 1 ? eventIdOf({ stream, number: undefined }) : undefined);
  }
  return { outcome: outcomeOf(failure), errorKind: failure.kind, status: 200 };
}

/** Undefined for what this version of the gateway did not write. */
function readLeft(text: string): (LeftStream & { readonly call: Continuation }) | undefined {
  const left = readLeftStream(text);
  const call = left && readContinuation(left.continuation);
  return left && call && { ...left, call };
}

/** Goes on with a call that was left, as the only one; undefined when there is none, or somebody else does. */
async function takeOver(resumption: Resumption): Promise<AsyncGenerator<string, void> | undefined> {
  const { visit, scope, key, stream, reading } = resumption;
  const { head } = reading;
  const left = head.continuation === undefined ? undefined : readLeft(head.continuation);
  // What was written before the stream was left may be read after it.
  if (left === undefined || left.last !== reading.last) return undefined;
  const { ids, clock } = visit.ports;
  const by = { holder: ids.random(), heldUntil: holdsUntil(visit, scope) };
  if (!(await visit.stores.streams.takeOver(key, head.holder, by, by.heldUntil + KEPT_MS))) return undefined;
  const taken = { ...left, ...by, stream, answered: reading.answered };
  const recorder = recordRest(visit, scope, head.requests, taken);
  const replies = answered(visit, { ...scope, mayHandOver: () => recorder.isWhole }, left.call);
  return deliverRest(replies, clock, recorder);
}

/** The rest of the call, and its line in the action log: what is said of the time is about the rest alone. */
async function* answered(
  visit: Visit,
  scope: LegacyScope,
  continuation: Continuation,
): AsyncGenerator<RelayReply, void> {
  const { method, tool, upstream } = continuation;
  const tally = newTally({ span: visit.trace.root.begin(method) });
  const recorder = visit.record({ ...subjectOf(scope), method, tool, bytesIn: 0 }, tally.span);
  let last: Last;
  try {
    for await (const reply of goOn(visit, scope, continuation, tally)) {
      if (reply.kind !== 'interim') {
        last = reply;
        break;
      }
      recorder.sent(reply.text);
      yield reply;
    }
  } finally {
    const { attempts, cost } = tally;
    const waitedMs = waitedBy(cost, visit.ports.clock.elapsed());
    const share = { upstream, attempts, requests: cost.requests, waitedMs };
    last = conclude(visit, recorder, last, share, continuation.timing === true);
  }
  if (last !== undefined) yield last;
}

function subjectOf({ caller, session, server }: LegacyScope) {
  return { era: 'legacy', caller: caller.key, session: session.key, server: server.name } as const;
}

/** Waits, though not for a client that goes. */
async function pause(visit: Visit, ms: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  const { signal } = visit.request;
  const onGone = (): void => over.resolve();
  const stopTimer = visit.ports.clock.schedule(ms, onGone);
  signal?.addEventListener('abort', onGone, { once: true });
  if (signal?.aborted === true) onGone();
  await over.promise;
  stopTimer();
  signal?.removeEventListener('abort', onGone);
}
