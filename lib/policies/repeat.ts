/**
 * May this call be sent again? Retries and idempotency both ask here. What cannot have run may be; what may have run may
 * be only where running twice does no more than running once.
 */
import type { ToolConfig } from '../config/schema.ts';
import type { UpstreamFault } from '../errors.ts';
import { isObject, type Json } from '../protocol/message.ts';

/** What running a call does. Nothing is known of a tool that says nothing: it counts as neither. */
export interface Effects {
  readonly readOnly: boolean;
  readonly idempotent: boolean;
}

/** Every request but a tool call only asks, or sets what setting twice does not change. */
export const HARMLESS: Effects = { readOnly: true, idempotent: true };

type OperatorsWord = Pick<ToolConfig, 'readOnly' | 'idempotent'>;

/**
 * The operator's word first, then the tool's own hints (2026-07-28, schema, "ToolAnnotations"); `annotations` is
 * undefined when they are not known.
 */
export function effectsOfTool({ readOnly, idempotent }: OperatorsWord, annotations: Json | undefined): Effects {
  const hints = isObject(annotations) ? annotations : {};
  return {
    readOnly: readOnly ?? hints['readOnlyHint'] === true,
    idempotent: idempotent ?? hints['idempotentHint'] === true,
  };
}

/** Undefined when the operator has not said enough, and the tool's own hints decide. */
export function effectsBySayOf(operator: OperatorsWord): Effects | undefined {
  const { readOnly, idempotent } = operator;
  const decided = readOnly === true || idempotent === true || (readOnly === false && idempotent === false);
  return decided ? effectsOfTool(operator, undefined) : undefined;
}

/** How an attempt ended without an answer. */
export interface Attempt {
  readonly kind: UpstreamFault['kind'] | 'cancelled';
  /** Whether the call itself may have reached the upstream. */
  readonly sent: boolean;
}

/** An earlier call whose end nobody saw. */
export const UNSEEN_END: Attempt = { kind: 'upstream-closed', sent: true };

const NEVER_RAN: ReadonlySet<Attempt['kind']> = new Set([
  'upstream-unreachable',
  'upstream-connect-timeout',
  'upstream-throttled',
  'upstream-unauthorized',
  'upstream-redirect',
  'upstream-session-lost',
  'upstream-busy',
  'breaker-open',
  'upstream-credentials',
]);

/** False only when the upstream cannot have run the call. */
export function mayHaveRun({ kind, sent }: Attempt): boolean {
  return sent && !NEVER_RAN.has(kind);
}

export function mayBeSentAgain({ readOnly, idempotent }: Effects, attempt: Attempt): boolean {
  return readOnly || idempotent || !mayHaveRun(attempt);
}
