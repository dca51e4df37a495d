/** The parameters of a call with an idempotency key. */
import { canonicalText } from './canonical.ts';
import type { Era } from './era.ts';
import { KEY_IN_PARAMS } from './idempotency-key.ts';
import { editObject, memberText, type MemberEdit } from './json-text.ts';
import type { RequestMessage } from './message.ts';

/** What tells two calls under one key apart, and what they must have in common. */
export interface KeyedParams {
  /** An answer to the server's questions makes a call another step of the same one (2026-07-28, basic/patterns/mrtr). */
  readonly step: string;
  /** Everything else that the call asks for. */
  readonly asked: string;
}

const drop: MemberEdit = () => undefined;

/** Undefined when the parameters cannot be compared. To the legacy era, answers in a request mean nothing. */
export function keyedParams({ text }: RequestMessage, era: Era): KeyedParams | undefined {
  const params = memberText(text, 'params') ?? '{}';
  const ofStep = era === 'modern' ? ['inputResponses', 'requestState'] : [];
  const step = ofStep.map((name) => canonicalText(memberText(params, name) ?? 'null'));
  const notAsked = ['_meta', KEY_IN_PARAMS, ...ofStep].map((name) => [name, drop] as const);
  const asked = canonicalText(editObject(params, Object.fromEntries(notAsked)));
  if (asked === undefined || step.includes(undefined)) return undefined;
  return { step: JSON.stringify(step), asked };
}
