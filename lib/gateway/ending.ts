/** How a call ends: its final reply, and what the action log calls it. */
import { toWire, type Failure, type UpstreamFault, type UpstreamSite } from '../errors.ts';
import { StoreError, type Outcome } from '../ports.ts';
import { responseToClient, type Call, type Reply } from '../protocol/call.ts';
import { errorText, JSON_RPC, type ResponseMessage } from '../protocol/message.ts';
import { mayHaveRun, type CallEnd, type UpstreamTally } from '../upstream/fault.ts';
import type { Errand } from './errand.ts';
import type { Visit } from './visit.ts';

/** A final reply, and what the action log calls it. */
export type Ending = Extract<Reply, { kind: 'final' }> & {
  readonly outcome: Outcome;
  readonly errorKind: string | null;
};

export type RelayReply = Extract<Reply, { kind: 'interim' }> | Ending;

/** A store that does not answer is expected to happen; anything else is a defect, of which the client learns nothing. */
export function unexpectedFailure(visit: Visit, error: unknown): Failure {
  visit.ports.actionLog.defect(visit.invocation.requestId, error);
  return error instanceof StoreError ? { kind: 'store-unavailable' } : { kind: 'internal' };
}

/** The upstream's own final word. */
export function endingOfResponse(response: ResponseMessage, { call, upstream }: Errand): Ending {
  const text = responseToClient(call, response, upstream.view);
  const { body } = response;
  if ('error' in body) {
    const status = call.era === 'modern' ? modernStatus(body.error.code) : 200;
    return { kind: 'final', text, status, outcome: 'error', errorKind: String(body.error.code) };
  }
  const { isError, resultType } = body.result;
  if (isError === true) return { kind: 'final', text, status: 200, outcome: 'tool-error', errorKind: null };
  const outcome = resultType === 'input_required' ? 'input-required' : 'ok';
  return { kind: 'final', text, status: 200, outcome, errorKind: null };
}

/** The statuses that the specification ties to its error codes (2026-07-28, basic/transports/streamable-http). */
function modernStatus(code: number): number {
  switch (code) {
    case JSON_RPC.headerMismatch:
    case JSON_RPC.missingClientCapability:
    case JSON_RPC.unsupportedProtocolVersion:
      return 400;
    case JSON_RPC.methodNotFound:
      return 404;
    default:
      return 200;
  }
}

/** Why the call ended without an answer. */
export function failureOf(end: CallEnd, errand: Errand): Failure {
  const { visit, upstream, call, tally } = errand;
  if (end.kind !== 'cancelled') return upstreamFailure(visit, end, upstream.name, toolOf(call), tally);
  return { kind: 'cancelled', site: siteOf(visit, end, upstream.name, toolOf(call), tally) };
}

function toolOf(call: Call): string | null {
  return call.target?.what === 'tool' ? call.target.name : null;
}

export function upstreamFailure(
  visit: Visit,
  fault: UpstreamFault,
  upstream: string,
  tool: string | null,
  tally: UpstreamTally,
): Failure {
  return { ...fault, site: siteOf(visit, fault, upstream, tool, tally) };
}

function siteOf(
  visit: Visit,
  end: CallEnd,
  upstream: string,
  tool: string | null,
  { phase, sent }: UpstreamTally,
): UpstreamSite {
  return { upstream, tool, phase, elapsedMs: Math.round(visit.elapsedMs), mayHaveRun: mayHaveRun(end, sent) };
}

/** A failure as the final reply to the request of this id. */
export function endingOfFailure(failure: Failure, idText: string | undefined): Ending {
  const { status, error } = toWire(failure);
  return {
    kind: 'final',
    text: errorText(idText, error),
    status,
    outcome: outcomeOf(failure),
    errorKind: failure.kind,
  };
}

export function outcomeOf(failure: Failure): Outcome {
  if (failure.kind === 'cancelled') return 'cancelled';
  const isOwnOrUpstream =
    'site' in failure ||
    failure.kind === 'internal' ||
    failure.kind === 'store-unavailable' ||
    failure.kind === 'era-lacking';
  return isOwnOrUpstream ? 'error' : 'refused';
}
