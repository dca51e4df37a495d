/** A client's notification as its upstreams get it. */
import { editObject } from '../json-text.ts';
import { TIMING_IN_META } from '../timing.ts';
import { editIfObject, remove } from '../translation/edits.ts';

/**
 * What of its `_meta` is not for upstreams as it stands: what is said to the gateway, and the trace, which they are told of
 * in headers (`lib/protocol/trace-context.ts`).
 */
const OWN_META = { [TIMING_IN_META]: remove, traceparent: remove, tracestate: remove, baggage: remove };

/** Written anew, so that a key that it holds twice reads upstream as it read here. */
export function notificationToUpstream(text: string): string {
  const ofParams = { _meta: (meta: string) => editIfObject(meta, OWN_META) };
  return editObject(text, { params: (params) => editIfObject(params, ofParams) });
}
