/** A call and its repetitions, where it may be sent again and that may help. */
import type { Deadline } from '../policies/deadline.ts';
import { pause } from '../policies/pause.ts';
import { mayBeSentAgain, mayHaveRun } from '../policies/repeat.ts';
import { pauseBeforeRetry } from '../policies/retry.ts';
import type { CallEnd } from '../upstream/fault.ts';
import { effectsOf } from './effects.ts';
import type { Errand } from './errand.ts';
import type { CallEvent, CallFailure } from './upstream-call.ts';

type RelayEvent = CallEvent | CallFailure;

type Ended = Extract<RelayEvent, { kind: 'end' }>;

/** As `send`, of which every attempt is one. What the client was told before an attempt failed cannot be untold. */
export async function* withRetries(
  errand: Errand,
  deadline: Deadline,
  send: () => AsyncGenerator<RelayEvent, void>,
): AsyncGenerator<RelayEvent, void> {
  const { visit, tally } = errand;
  let before: Ended | undefined;
  for (let retried = 0; ; retried += 1) {
    let ended: Ended | undefined;
    let told = false;
    for await (const event of send()) {
      if (event.kind === 'end') {
        ended = event;
        break;
      }
      told ||= event.kind === 'interim';
      yield event;
    }
    if (ended === undefined) return;
    // An attempt that was not made says nothing of why the call fails.
    if (before !== undefined && wasNotMade(ended.end)) {
      yield before;
      return;
    }
    before = ended;
    const pauseMs = told ? undefined : await pauseAfter(errand, ended.end, retried, deadline);
    if (pauseMs === undefined) {
      yield ended;
      return;
    }
    tally.ranBefore ||= mayHaveRun({ kind: ended.end.kind, sent: tally.sent });
    tally.sent = false;
    await pause(visit.ports.clock, pauseMs, deadline.signal);
    const expiry = deadline.expiry();
    if (expiry !== undefined) {
      yield { ...ended, end: expiry };
      return;
    }
  }
}

function wasNotMade({ kind }: CallEnd): boolean {
  return kind === 'breaker-open' || kind === 'upstream-busy';
}

/** Undefined when the end is to be passed on. */
async function pauseAfter(
  errand: Errand,
  end: CallEnd,
  retried: number,
  deadline: Deadline,
): Promise<number | undefined> {
  if (end.kind === 'cancelled') return undefined;
  const { visit, upstream, tally } = errand;
  const { clock, ids } = visit.ports;
  const leftMs = deadline.endsAt - clock.now();
  const { retries } = upstream.config;
  const pauseMs = pauseBeforeRetry(end, { retried, retries, leftMs, clock, fraction: ids.fraction() });
  if (pauseMs === undefined) return undefined;
  const attempt = { kind: end.kind, sent: tally.sent };
  const mayRepeat = !mayHaveRun(attempt) || mayBeSentAgain(await visit.within(deadline, effectsOf(errand)), attempt);
  return mayRepeat ? pauseMs : undefined;
}
