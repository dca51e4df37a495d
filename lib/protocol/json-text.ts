/**
 * Edits on the *text* of a JSON value. The gateway relays messages as they were written, so that what it does not know
 * (fields, number precision, order) survives, and changes only the members it owns: ids, names, progress tokens,
 * capabilities. Every text given here has already been accepted by `JSON.parse`; the scanner relies on that.
 *
 * Where an object holds the same key twice, `JSON.parse` takes the last one while other parsers may take the first. An
 * edited object therefore keeps the last one only: what the gateway decided upon is what the upstream reads.
 */

/** Given the text of a member's value, returns its new text, or undefined to leave the member out. */
export type MemberEdit = (valueText: string) => string | undefined;

interface Member {
  /** The key as written, quotes and escapes included. */
  readonly keyText: string;
  readonly key: string;
  readonly value: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** The object in `text` with some members edited, in their place; `additions` are appended where they are missing. */
export function editObject(
  text: string,
  edits: Readonly<Record<string, MemberEdit>>,
  additions: Readonly<Record<string, string>> = {},
): string {
  const members = lastOfEachKey(scanMembers(text));
  // Added up rather than joined: the engine then copies a large text once, when it is sent.
  let written = '';
  const write = (keyText: string, value: string): void => {
    written += `${written === '' ? '' : ','}${keyText}:${value}`;
  };
  for (const member of members) {
    const edit = Object.hasOwn(edits, member.key) ? edits[member.key] : undefined;
    const value = edit === undefined ? member.value : edit(member.value);
    if (value !== undefined) write(member.keyText, value);
  }
  for (const [key, value] of Object.entries(additions)) {
    if (!members.some((member) => member.key === key)) write(JSON.stringify(key), value);
  }
  return `{${written}}`;
}

/** The text of one member of the object in `text`; undefined when it is missing. */
export function memberText(text: string, key: string): string | undefined {
  return scanMembers(text).findLast((member) => member.key === key)?.value;
}

/** The texts of the elements of the array in `text`. */
export function elementTexts(text: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = endOfValue(text, at);
    elements.push(text.slice(at, end));
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return elements;
}

function scanMembers(text: string): Member[] {
  const members: Member[] = [];
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACE) {
    const keyEnd = endOfString(text, at);
    const keyText = text.slice(at, keyEnd);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    members.push({ keyText, key: decodeKey(keyText), value: text.slice(valueStart, valueEnd) });
    at = skipSpace(text, valueEnd);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return members;
}

/** So few members are compared with each other, which costs less than a map of them. */
const FEW_MEMBERS = 16;

function lastOfEachKey(members: readonly Member[]): readonly Member[] {
  const isFew = members.length <= FEW_MEMBERS;
  if (isFew && members.every(({ key }, at) => members.findIndex((other) => other.key === key) === at)) return members;
  const last = new Map(members.map((member) => [member.key, member]));
  return last.size === members.length ? members : members.filter((member) => last.get(member.key) === member);
}

export function decodeKey(keyText: string): string {
  return keyText.includes('\\') ? (JSON.parse(keyText) as string) : keyText.slice(1, -1);
}

export function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
    at += 1;
  }
  return at;
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return endOfNested(text, start);
  return endOfLiteral(text, start);
}

export function endOfString(text: string, start: number): number {
  let quote = start;
  for (;;) {
    quote = text.indexOf('"', quote + 1);
    if (quote === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
}

function endOfNested(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return at;
}

export function endOfLiteral(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code <= 0x20 || code === COLON) break;
    at += 1;
  }
  return at;
}
