/**
 * The key under which a call is executed once: in the HTTP header `Idempotency-Key` (IETF httpapi working group, "The
 * Idempotency-Key HTTP Header Field"), in `_meta`, or as a parameter (SEP-3182). A JSON-RPC id is no such key: clients
 * restart their ids.
 */
import { canonicalText } from './canonical.ts';
import { editObject, memberText, type MemberEdit } from './json-text.ts';
import { isObject, type RequestMessage } from './message.ts';

export const KEY_IN_META = 'io.sluice/idempotency-key';
export const KEY_IN_PARAMS = 'idempotencyKey';

/** Longer keys than this are refused, in characters. */
const MAX_KEY_CHARS = 255;

export type KeyReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'invalid'; readonly reason: string };

/** `header` is the value of `Idempotency-Key`. Keys in several places have to be the same. */
export function readIdempotencyKey({ params }: RequestMessage, header: string | undefined): KeyReading {
  const meta = params?.['_meta'];
  const given = [
    header === undefined ? undefined : readHeader(header),
    isObject(meta) ? meta[KEY_IN_META] : undefined,
    params?.[KEY_IN_PARAMS],
  ].filter((key) => key !== undefined);
  const [key] = given;
  if (key === undefined) return { kind: 'none' };
  if (given.some((other) => other !== key)) {
    return { kind: 'invalid', reason: 'The request names several idempotency keys that differ' };
  }
  return typeof key === 'string' && key !== '' && key.length <= MAX_KEY_CHARS
    ? { kind: 'key', key }
    : { kind: 'invalid', reason: `An idempotency key is a string of 1 to ${MAX_KEY_CHARS} characters` };
}

/** A string as structured headers write it (RFC 9651, section 3.3.3); many clients leave the quotes out. */
function readHeader(value: string): string | null {
  if (!value.startsWith('"')) return value.trim();
  return QUOTED.test(value) ? value.slice(1, -1).replace(/\\(["\\])/g, '$1') : null;
}

const QUOTED = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/;

/** What tells two calls under one key apart, and what they must have in common. */
export interface KeyedParams {
  /** An answer to the server's questions makes a call another step of the same one (2026-07-28, basic/patterns/mrtr). */
  readonly step: string;
  /** Everything else that the call asks for. */
  readonly asked: string;
}

const drop: MemberEdit = () => undefined;

/** Undefined when the parameters cannot be compared. */
export function keyedParams({ text }: RequestMessage): KeyedParams | undefined {
  const params = memberText(text, 'params') ?? '{}';
  const step = ['inputResponses', 'requestState'].map((name) => canonicalText(memberText(params, name) ?? 'null'));
  const asked = canonicalText(
    editObject(params, { _meta: drop, [KEY_IN_PARAMS]: drop, inputResponses: drop, requestState: drop }),
  );
  if (asked === undefined || step.includes(undefined)) return undefined;
  return { step: JSON.stringify(step), asked };
}
