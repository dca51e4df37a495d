/** What the gateway itself says in the `_meta` of a result. An error has no place to say it in. */
import { editObject } from './json-text.ts';
import { isObject, type ResponseMessage } from './message.ts';
import { TIMING_IN_META } from './timing.ts';
import { editIfObject, remove, type MemberEdits } from './translation/edits.ts';

export const REPLAYED_IN_META = 'io.sluice/replayed';

const OWN_KEYS = [REPLAYED_IN_META, TIMING_IN_META];

const withoutOwn: MemberEdits = Object.fromEntries(OWN_KEYS.map((key) => [key, remove]));

/** The response with this value (JSON text) under this key; one whose `_meta` is no object stays as it is. */
export function sayInMeta(response: string, key: string, value: string): string {
  const said = (meta: string): string => editIfObject(meta, { [key]: () => value }, { [key]: value });
  return editObject(response, {
    result: (result) => editObject(result, { _meta: said }, { _meta: said('{}') }),
  });
}

/**
 * The gateway's own word is not an upstream's to give. `response` is the upstream's text as the client gets it; looks at
 * the parsed response, as the text may be long: of a key that comes twice, the last one counts.
 */
export function withoutClaims(response: string, { body }: ResponseMessage): string {
  const said = 'result' in body ? body.result['_meta'] : undefined;
  if (!isObject(said) || !OWN_KEYS.some((key) => Object.hasOwn(said, key))) return response;
  const unsaid = (meta: string): string => editIfObject(meta, withoutOwn);
  return editObject(response, { result: (result) => editIfObject(result, { _meta: unsaid }) });
}
