/** What a client is told of where the time of its request went: the same that the action log says of it. */
import type { ActionRecorder, UpstreamShare } from '../delivery/action.ts';
import { timingOf, type Timing } from '../delivery/timing.ts';
import type { HandedOver } from '../protocol/call.ts';
import { sayInMeta } from '../protocol/result-meta.ts';
import { TIMING_IN_META } from '../protocol/timing.ts';
import { waitedBy } from '../upstream/fault.ts';
import { CLIENT_GONE, HANDED_OVER, type Ending } from './ending.ts';
import type { Visit } from './visit.ts';

/** How the replies to a request end; undefined when nobody was there any more to hear it. */
export type Last = Ending | HandedOver | undefined;

/** Writes the line of a request in the action log, and returns its last reply as the client gets it. */
export function conclude(
  visit: Visit,
  recorder: ActionRecorder,
  last: Last,
  share: UpstreamShare,
  wantsTiming: boolean,
): Last {
  if (last?.kind === 'final') return concludeWith(visit, recorder, last, share, wantsTiming);
  recorder.finish(last === undefined ? CLIENT_GONE : HANDED_OVER, share);
  return last;
}

/** As `conclude`. A result has the times of that very line where they are wanted: the clock is read once for both. */
export function concludeWith(
  visit: Visit,
  recorder: ActionRecorder,
  ending: Ending,
  share: UpstreamShare,
  wantsTiming: boolean,
): Ending {
  const timing = recorder.measure(share.waitedMs);
  const isResult = ending.errorKind === null;
  const told = wantsTiming && isResult ? withTiming(visit, ending, timing, share) : ending;
  recorder.sent(told.text);
  recorder.finish(told, share);
  noteTiming(visit, timing);
  return told;
}

function withTiming(
  { invocation }: Visit,
  ending: Ending,
  { gatewayMs, upstreamMs }: Timing,
  { attempts }: UpstreamShare,
): Ending {
  const replayed = ending.replayed === true;
  const said = JSON.stringify({ gatewayMs, upstreamMs, attempts, replayed, environment: invocation.environment });
  return { ...ending, text: sayInMeta(ending.text, TIMING_IN_META, said) };
}

/**
 * A part of what the answer waits for has come to its end. The messages of a batch wait for their upstreams at the same
 * time, so that their own shares would add up to more than there was: what counts is when any of them waited.
 */
export function noteTiming(visit: Visit, { totalMs }: Timing): void {
  visit.timing = timingOf(totalMs, waitedBy(visit.awaited, visit.ports.clock.elapsed()));
}
