/**
 * The key under which a call is executed once: in the HTTP header `Idempotency-Key` (IETF httpapi working group, "The
 * Idempotency-Key HTTP Header Field"), in `_meta`, or as a parameter (SEP-3182). A JSON-RPC id is no such key: clients
 * restart their ids.
 */
import { isObject, type RequestMessage } from './message.ts';

export const KEY_IN_META = 'io.sluice/idempotency-key';
export const KEY_IN_PARAMS = 'idempotencyKey';

/** Longer keys than this are refused, in characters. */
const MAX_KEY_CHARS = 255;

/** Whether a request says anything of a key, whatever that is worth. */
export function mentionsKey({ params }: RequestMessage, header: string | undefined): boolean {
  const meta = params?.['_meta'];
  return (
    header !== undefined || params?.[KEY_IN_PARAMS] !== undefined || (isObject(meta) && meta[KEY_IN_META] !== undefined)
  );
}

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
