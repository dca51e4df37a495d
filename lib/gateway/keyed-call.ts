/**
 * A call with an idempotency key is executed once, in whatever environments it arrives. Who comes first executes it; who
 * comes later gets its outcome: at once when it is known, and otherwise by waiting for it. An outcome that nobody can
 * know any more is said to be unknown, and the call is executed again only if it may be sent again.
 */
import type { ServerUpstream } from '../catalog/plan.ts';
import { fail, succeed, type Failure, type Result } from '../errors.ts';
import type { Deadline } from '../policies/deadline.ts';
import { decideKey, KEY_REQUIRED, KEY_REUSED, type KeyedCall } from '../policies/idempotency.ts';
import { pause } from '../policies/pause.ts';
import { mayBeSentAgain, mayHaveRun, UNSEEN_END } from '../policies/repeat.ts';
import { inSpan } from '../ports/tracer.ts';
import type { IdempotencyClaim, IdempotencyRecord, KeyedOutcome, KeyedResult } from '../ports/idempotency.ts';
import { memberText } from '../protocol/json-text.ts';
import { JSON_RPC, parseJson, readMessage } from '../protocol/message.ts';
import { Channel } from './channel.ts';
import { effectsOf, toolConfigOf } from './effects.ts';
import { unexpectedFailure } from './ending.ts';
import type { Errand } from './errand.ts';
import { forwardedDigest } from './forwarded.ts';
import type { CallEvent, CallFailure } from './upstream-call.ts';

type RelayEvent = CallEvent | CallFailure;
type LastEvent = Extract<RelayEvent, { kind: 'final' | 'end' | 'failure' }>;

/** After its deadline an owner still has to write down how its call ended: this long, in milliseconds. */
const LAST_WRITE_MS = 3000;

/** A call whose outcome is unknown is not executed again for a day at least, in milliseconds. */
const UNKNOWN_KEPT_MS = 24 * 60 * 60 * 1000;

/** How often somebody who waits looks for the outcome, in milliseconds. */
const FIRST_LOOK_MS = 100;
const LONGEST_LOOK_MS = 1000;

/** As `execute`, once for all calls of the same key where the call has one. */
export async function* executeByKey(
  errand: Errand,
  deadline: Deadline,
  execute: () => AsyncGenerator<RelayEvent, void>,
): AsyncGenerator<RelayEvent, void> {
  const keyed = await keyOf(errand, deadline);
  if (!keyed.ok) yield { kind: 'failure', failure: keyed.failure };
  else if (keyed.value === undefined) yield* execute();
  else yield* executeKeyed(errand, keyed.value, deadline, execute);
}

/** Undefined for a call that is executed however often it arrives. */
async function keyOf(errand: Errand, deadline: Deadline): Promise<Result<KeyedCall | undefined>> {
  const { visit, scope, call } = errand;
  if (call.target?.what !== 'tool') return succeed(undefined);
  const keyScope = {
    caller: scope.caller.key,
    anonymous: scope.caller.kind === 'anonymous',
    era: scope.era,
    clientSession: scope.era === 'legacy' ? scope.session.key : undefined,
    server: scope.server.name,
    tool: call.target.name,
  };
  const header = visit.request.headers['idempotency-key'];
  const decision = decideKey(call.request, header, keyScope, toolConfigOf(errand));
  if (!decision.ok) return decision;
  if (decision.value.kind === 'keyed') return succeed(decision.value);
  if (decision.value.kind === 'unkeyed') return succeed(undefined);
  const { readOnly } = await visit.within(deadline, effectsOf(errand));
  return readOnly ? succeed(undefined) : fail(KEY_REQUIRED);
}

/** As `execute`, which runs at most once for all calls of this key that do not fail before they can have run. */
export async function* executeKeyed(
  errand: Errand,
  keyed: KeyedCall,
  deadline: Deadline,
  execute: () => AsyncGenerator<RelayEvent, void>,
): AsyncGenerator<RelayEvent, void> {
  const { visit } = errand;
  const key = visit.ports.ids.digest(keyed.identity);
  // What the client's headers ask for is part of what it asks for.
  const digest = visit.ports.ids.digest(keyed.asked + (forwardedDigest(visit, errand.upstream) ?? ''));
  let overtakes: string | undefined;
  for (;;) {
    const result = yield* tryExecute(errand, keyed, { key, digest, overtakes }, deadline, execute);
    if (result.kind === 'executed') return;
    const step = await inSpan(errand.tally.span, 'idempotency', () =>
      afterTaken(errand, keyed, { key, digest, overtakes }, result.record, deadline),
    );
    if (step.kind === 'answer') {
      yield step.event;
      return;
    }
    ({ overtakes } = step);
  }
}

// ------------------------------------------------------------------------------------------------------- executing

interface Place {
  readonly key: string;
  readonly digest: string;
  readonly overtakes: string | undefined;
}

/** Yields what the execution brings forth, and nothing when somebody else has the key. */
async function* tryExecute(
  errand: Errand,
  { ttlMs }: KeyedCall,
  { key, digest, overtakes }: Place,
  deadline: Deadline,
  execute: () => AsyncGenerator<RelayEvent, void>,
): AsyncGenerator<RelayEvent, KeyedResult> {
  const { visit } = errand;
  const { clock, ids } = visit.ports;
  const store = visit.stores.idempotency;
  const deadlineAt = deadline.endsAt + LAST_WRITE_MS;
  const unknownMs = unknownTtlMs(ttlMs);
  const claim: IdempotencyClaim = { owner: ids.random(), digest, deadlineAt, expiresAt: deadlineAt + unknownMs };
  const interim = new Channel<RelayEvent>();
  /** Of the two ends of the record, each in its time. */
  let recording = errand.tally.span.begin('idempotency');
  let begun = false;
  let last: LastEvent | undefined;
  const framed = visit.ports.executeOnce({
    store,
    key,
    claim,
    overtakes,
    now: clock.now(),
    expiresAt: (isKnown) => clock.now() + (isKnown ? ttlMs : unknownMs),
    execute: async () => {
      begun = true;
      recording.end();
      last = await runToEnd(execute(), interim).catch((error: unknown) => lastOfBroken(error, errand, deadline));
      recording = errand.tally.span.begin('idempotency');
      const outcome = outcomeOf(last, errand);
      if (outcome.kind === 'unknown') tellUnknown(errand);
      return outcome;
    },
    onUnwritten: (error) => visit.ports.actionLog.defect(visit.invocation.requestId, error),
  });
  const settled = framed.finally(() => {
    recording.end();
    interim.close();
  });
  // Whoever reads slowly, or stops, leaves the execution to go on to its own end.
  settled.catch(() => undefined);
  try {
    yield* interim.read();
  } finally {
    interim.close();
    await settled.catch(() => undefined);
  }
  try {
    const result = await framed;
    if (last !== undefined) yield last;
    return result;
  } catch (error) {
    // It may have been written all the same: nobody must wait for a call that was never made.
    if (!begun) visit.defer(() => store.release(key, claim.owner));
    if (last === undefined) throw error;
    yield last;
    return { kind: 'executed' };
  }
}

async function runToEnd(
  events: AsyncGenerator<RelayEvent, void>,
  interim: Channel<RelayEvent>,
): Promise<LastEvent | undefined> {
  let last: LastEvent | undefined;
  for await (const event of events) {
    if (event.kind === 'final' || event.kind === 'end' || event.kind === 'failure') last = event;
    else interim.push(event, event.kind === 'interim' ? event.message.text.length : 0);
  }
  return last;
}

/** An execution that broke off may have been sent by then: it has an outcome like any other. */
function lastOfBroken(error: unknown, { visit, scope }: Errand, deadline: Deadline): LastEvent {
  const expiry = deadline.expiry();
  return expiry === undefined
    ? { kind: 'failure', failure: unexpectedFailure(visit, error) }
    : { kind: 'end', end: expiry, era: scope.era };
}

/**
 * Errors with which a modern server turns a request away for what it says of itself, before it looks at what it asks
 * for (2026-07-28, basic, "Error codes"). The same call may be made in another way.
 */
const TURNED_AWAY: ReadonlySet<number> = new Set([
  JSON_RPC.headerMismatch,
  JSON_RPC.missingClientCapability,
  JSON_RPC.unsupportedProtocolVersion,
]);

function isTurnedAway({ era, response }: Extract<LastEvent, { kind: 'final' }>): boolean {
  return era === 'modern' && 'error' in response.body && TURNED_AWAY.has(response.body.error.code);
}

/** What of an execution is kept. The upstream's own words, in its own era: whoever gets them reads them in theirs. */
function outcomeOf(last: LastEvent | undefined, { tally }: Errand): KeyedOutcome {
  if (last?.kind === 'final') {
    if (isTurnedAway(last)) return { kind: tally.ranBefore ? 'unknown' : 'not-run' };
    return { kind: 'done', text: `{"era":${JSON.stringify(last.era)},"response":${last.response.text}}` };
  }
  const ran = last?.kind === 'end' ? mayHaveRun({ kind: last.end.kind, sent: tally.sent }) : tally.sent;
  return { kind: ran || tally.ranBefore ? 'unknown' : 'not-run' };
}

/** An outcome that is not known is not forgotten soon, however soon those are that are; in milliseconds. */
function unknownTtlMs(ttlMs: number): number {
  return Math.max(ttlMs, UNKNOWN_KEPT_MS);
}

function tellUnknown({ visit, upstream }: Errand): void {
  visit.ports.actionLog.notice(visit.invocation.requestId, { kind: 'outcome-unknown', upstream: upstream.name });
}

// ---------------------------------------------------------------------------------------- somebody else has the key

type Step =
  | { readonly kind: 'answer'; readonly event: LastEvent }
  /** To be executed after all; `overtakes` is the owner whose outcome is unknown. */
  | { readonly kind: 'execute'; readonly overtakes: string | undefined };

/** Waits for as long as the owner may be at work, and says what is to be done then. */
async function afterTaken(
  errand: Errand,
  keyed: KeyedCall,
  { key, digest }: Place,
  found: IdempotencyRecord | undefined,
  deadline: Deadline,
): Promise<Step> {
  const { visit } = errand;
  const { clock } = visit.ports;
  let record = found;
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS)) {
    // Released: the call cannot have run. Until then it may have, whatever becomes of this one.
    errand.tally.ranBefore = record !== undefined;
    if (record === undefined) return { kind: 'execute', overtakes: undefined };
    if (record.digest !== digest) return answer(KEY_REUSED);
    const { state, owner } = record;
    if (state.kind === 'done') return replay(errand, state.text);
    if (state.kind === 'unknown' || state.deadlineAt <= clock.now()) {
      const again = mayBeSentAgain(await visit.within(deadline, effectsOf(errand)), UNSEEN_END);
      if (again) return { kind: 'execute', overtakes: owner };
      if (state.kind === 'in-progress') settleUnended(errand, keyed, key, owner);
      return answer({ kind: 'outcome-unknown', ...keyedSite(errand) });
    }
    await pause(clock, lookMs, deadline.signal);
    if (deadline.expiry() !== undefined) return stillRunning(errand, deadline);
    record = await visit.within(deadline, visit.stores.idempotency.read(key, clock.now()));
  }
}

/** Its owner was killed, or could not write how the call ended: the first who finds that out says so in its place. */
function settleUnended(errand: Errand, { ttlMs }: KeyedCall, key: string, owner: string): void {
  const { visit } = errand;
  visit.defer(async () => {
    const expiresAt = visit.ports.clock.now() + unknownTtlMs(ttlMs);
    if (await visit.stores.idempotency.leaveUnknown(key, owner, expiresAt)) tellUnknown(errand);
  });
}

/** The one who waits is out of time; the one who executes may not be. */
function stillRunning(errand: Errand, deadline: Deadline): Step {
  const expiry = deadline.expiry();
  if (expiry?.kind === 'cancelled') {
    return { kind: 'answer', event: { kind: 'end', end: expiry, era: errand.scope.era } };
  }
  return answer({ kind: 'still-running', retryAfterMs: LONGEST_LOOK_MS, ...keyedSite(errand) });
}

function replay(errand: Errand, text: string | undefined): Step {
  if (text === undefined) return answer({ kind: 'result-not-kept', ...keyedSite(errand) });
  const response = memberText(text, 'response') ?? '';
  const message = readMessage(parseJson(response) ?? null, response);
  const era = parseJson(memberText(text, 'era') ?? '');
  if (message?.kind !== 'response' || (era !== 'modern' && era !== 'legacy')) {
    return answer({ kind: 'result-not-kept', ...keyedSite(errand) });
  }
  return { kind: 'answer', event: { kind: 'final', response: message, era, replayed: true } };
}

function answer(failure: Failure): Step {
  return { kind: 'answer', event: { kind: 'failure', failure } };
}

function keyedSite({ upstream, call }: { readonly upstream: ServerUpstream; readonly call: Errand['call'] }) {
  return { upstream: upstream.name, tool: call.target?.name ?? '' };
}
