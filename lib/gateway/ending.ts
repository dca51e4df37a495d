/** How a call ends: its final reply, and what the action log calls it. */
import { toWire, type Failure, type UpstreamFault, type UpstreamSite } from '../errors.ts';
import type { Outcome } from '../ports/action-log.ts';
import { StoreError } from '../ports/stores.ts';
import { responseToClient, type Call, type HandedOver, type Reply } from '../protocol/call.ts';
import { isLegacyVersion, LATEST_LEGACY, type Era } from '../protocol/era.ts';
import { asksTheClient, listWords, missingCapabilityWords, readResultType } from '../protocol/translation/questions.ts';
import { errorText, JSON_RPC, parseJson, readMessage, type ResponseMessage } from '../protocol/message.ts';
import { REPLAYED_IN_META, sayInMeta, withoutClaims } from '../protocol/result-meta.ts';
import { mayHaveRun } from '../policies/repeat.ts';
import type { CallEnd, UpstreamTally } from '../upstream/fault.ts';
import type { Errand } from './errand.ts';
import type { Work } from './work.ts';

/** A final reply, and what the action log calls it. */
export type Ending = Extract<Reply, { kind: 'final' }> & {
  readonly outcome: Outcome;
  readonly errorKind: string | null;
  /** It is the answer to an earlier call under the same idempotency key. */
  readonly replayed?: true;
};

/** How the line of a call ends that goes on elsewhere. */
export const HANDED_OVER = { outcome: 'ok', errorKind: 'invocation-ending', status: 200 } as const;

/** Nobody was there any more to hear how the call ended. */
export const CLIENT_GONE = { outcome: 'cancelled', errorKind: 'client-gone', status: 200 } as const;

export type RelayReply = Extract<Reply, { kind: 'interim' }> | HandedOver | Ending;

/** A store that does not answer is expected to happen; anything else is a defect, of which the client learns nothing. */
export function unexpectedFailure(work: Work, error: unknown): Failure {
  work.ports.actionLog.defect(work.invocation.requestId, error);
  return error instanceof StoreError ? { kind: 'store-unavailable' } : { kind: 'internal' };
}

/** The upstream's own final word. */
export function endingOfResponse(response: ResponseMessage, upstreamEra: Era, errand: Errand): Ending {
  const { visit, scope, call } = errand;
  const unfit = scope.era === 'legacy' && upstreamEra === 'modern' ? unfitForLegacy(response, errand) : undefined;
  if (unfit !== undefined) return endingOfFailure(unfit, call.request.idText);
  const written = responseToClient(call, response, {
    upstreamEra,
    version:
      scope.era === 'legacy' && isLegacyVersion(scope.session.protocolVersion)
        ? scope.session.protocolVersion
        : LATEST_LEGACY,
    clientCapabilities: scope.era === 'modern' ? scope.envelope.clientCapabilities : {},
    serverInfo: visit.shared.identity,
  });
  const text = withoutClaims(written, response);
  // An error may change its code between the eras, or become a question.
  const retold = 'error' in response.body && upstreamEra !== call.era;
  const body = retold ? (bodyOf(text) ?? response.body) : response.body;
  if ('error' in body) {
    const { code } = body.error;
    const status = call.era === 'modern' ? modernStatus(code) : 200;
    return { kind: 'final', text, status, outcome: 'error', errorKind: String(code) };
  }
  const { isError, resultType } = body.result;
  if (isError === true) return { kind: 'final', text, status: 200, outcome: 'tool-error', errorKind: null };
  // To the legacy era a field of that name means nothing.
  const asks = resultType === 'input_required' && (upstreamEra === 'modern' || retold);
  return { kind: 'final', text, status: 200, outcome: asks ? 'input-required' : 'ok', errorKind: null };
}

/** Says of an answer that it was given before; an error has no place to say it in. */
export function replayed(ending: Ending): Ending {
  return { ...ending, text: sayInMeta(ending.text, REPLAYED_IN_META, 'true'), replayed: true };
}

function bodyOf(text: string): ResponseMessage['body'] | undefined {
  const message = readMessage(parseJson(text) ?? null, text);
  return message?.kind === 'response' ? message.body : undefined;
}

/** What of a modern upstream's response cannot be told to a legacy client. */
function unfitForLegacy(response: ResponseMessage, errand: Errand): Failure | undefined {
  const { visit, upstream, call, tally } = errand;
  const { body } = response;
  const asked = questionsIn(response);
  if (asked !== undefined) {
    const site = siteOf(visit, { kind: 'upstream-closed' }, upstream.name, toolOf(call), tally);
    return { kind: 'cannot-ask', asked, site };
  }
  if ('error' in body || readResultType(body.result) !== 'unrecognized') return undefined;
  // Whoever does not know the type of a result must not use it (2026-07-28, basic, "ResultType").
  return failureOf({ kind: 'upstream-garbled', reason: 'its result is of an unknown type' }, errand);
}

/** What a modern upstream wants of a client before it answers, in words; undefined when it has answered. */
function questionsIn({ body }: ResponseMessage): string | undefined {
  if ('error' in body) return missingCapabilityWords(body.error);
  const kinds = asksTheClient(body.result);
  if (kinds === undefined) return undefined;
  return kinds.length === 0
    ? 'the same request again'
    : listWords(kinds.map((kind) => (kind === 'unknown' ? 'input' : kind)));
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
  return failureOfEnd(visit, end, upstream.name, toolOf(call), tally);
}

export function failureOfEnd(
  work: Work,
  end: CallEnd,
  upstream: string,
  tool: string | null,
  tally: UpstreamTally,
): Failure {
  if (end.kind !== 'cancelled') return upstreamFailure(work, end, upstream, tool, tally);
  return { kind: 'cancelled', site: siteOf(work, end, upstream, tool, tally) };
}

function toolOf(call: Call): string | null {
  return call.target?.what === 'tool' ? call.target.name : null;
}

export function upstreamFailure(
  work: Work,
  fault: UpstreamFault,
  upstream: string,
  tool: string | null,
  tally: UpstreamTally,
): Failure {
  return { ...fault, site: siteOf(work, fault, upstream, tool, tally) };
}

function siteOf(
  work: Work,
  end: CallEnd,
  upstream: string,
  tool: string | null,
  { phase, sent, ranBefore }: UpstreamTally,
): UpstreamSite {
  const elapsedMs = Math.round(work.elapsedMs);
  return { upstream, tool, phase, elapsedMs, mayHaveRun: ranBefore || mayHaveRun({ kind: end.kind, sent }) };
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
    failure.kind === 'era-lacking' ||
    failure.kind === 'outcome-unknown' ||
    failure.kind === 'still-running' ||
    failure.kind === 'result-not-kept' ||
    failure.kind === 'stream-lost' ||
    failure.kind === 'stream-not-kept';
  return isOwnOrUpstream ? 'error' : 'refused';
}
