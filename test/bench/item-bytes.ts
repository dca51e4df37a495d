/** The size of a record as DynamoDB reckons it: names in UTF-8 and what they hold. */

type Value =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: boolean }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly Value[] }
  | { readonly M: Item };

/** A record in the form that it has in requests and answers. */
export type Item = { readonly [name: string]: Value };

/** A map or a list takes so much besides what it holds, and so much more for each thing in it. */
const CONTAINER_BYTES = 3;
const ELEMENT_BYTES = 1;

export function itemBytes(item: Item): number {
  return sum(Object.entries(item).map(([name, value]) => Buffer.byteLength(name) + valueBytes(value)));
}

function valueBytes(value: Value): number {
  if ('S' in value) return Buffer.byteLength(value.S);
  if ('N' in value) return numberBytes(value.N);
  if ('B' in value) return Buffer.from(value.B, 'base64').length;
  if ('SS' in value) return sum(value.SS.map((text) => Buffer.byteLength(text)));
  if ('NS' in value) return sum(value.NS.map(numberBytes));
  if ('BS' in value) return sum(value.BS.map((text) => Buffer.from(text, 'base64').length));
  if ('L' in value) return CONTAINER_BYTES + sum(value.L.map((element) => ELEMENT_BYTES + valueBytes(element)));
  if ('M' in value) {
    return CONTAINER_BYTES + itemBytes(value.M) + ELEMENT_BYTES * Object.keys(value.M).length;
  }
  return 1;
}

/** A byte for each two significant digits, and one more; a minus takes another. */
function numberBytes(text: string): number {
  const digits = text.replace(/^-|[.]/g, '').replace(/^0+|0+$/g, '');
  return 1 + Math.ceil(digits.length / 2) + (text.startsWith('-') ? 1 : 0);
}

function sum(parts: readonly number[]): number {
  return parts.reduce((total, part) => total + part, 0);
}
