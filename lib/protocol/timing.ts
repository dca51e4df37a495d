/** The wish of a client to be told where the time of its request went. */
import { isObject, type RequestMessage } from './message.ts';

/** In `_meta` of the request it is the wish, in that of the result what was wished for. */
export const TIMING_IN_META = 'io.sluice/timing';

/**
 * Anything but `true` wishes for nothing, and is not refused: a call does what it was made for whether or not its times
 * are told, while one whose idempotency key is not understood might run twice.
 */
export function wantsTiming({ params }: RequestMessage): boolean {
  const meta = params?.['_meta'];
  return isObject(meta) && meta[TIMING_IN_META] === true;
}
