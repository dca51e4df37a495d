/**
 * JSON as the page reads it. Strings come from clients and upstreams: characters that cannot be seen, or that turn the
 * direction of what is around them, are written out, so that no name can pass for another one. Line breaks remain.
 */
export function readJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => (typeof value === 'string' ? visible(value) : value));
}

function visible(text: string): string {
  return text.replace(/(?!\n)[\p{C}\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
