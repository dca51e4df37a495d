/**
 * JSON texts that mean the same, written in one way: members in order of their keys, no space, strings escaped alike.
 * Numbers stay as they were written: two that only differ beyond what a double can hold are not the same. The text is
 * read once, and no value is built of it: one of millions of numbers would take hundreds of megabytes.
 */
import { decodeKey, endOfLiteral, endOfString, skipSpace } from './json-text.ts';

/** What nests deeper is not compared: writing it could exhaust the stack. */
const MAX_LEVELS = 100;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** How far a text has been read. */
interface Reading {
  readonly text: string;
  at: number;
}

/** Of a text that `JSON.parse` has accepted; undefined when it nests too deep. */
export function canonicalText(text: string): string | undefined {
  return readValue({ text, at: 0 }, MAX_LEVELS);
}

function readValue(reading: Reading, levels: number): string | undefined {
  const start = skipSpace(reading.text, reading.at);
  reading.at = start;
  switch (reading.text.charCodeAt(start)) {
    case QUOTE:
      return readString(reading);
    case OPEN_BRACKET:
      return levels === 0 ? undefined : readArray(reading, levels - 1);
    case OPEN_BRACE:
      return levels === 0 ? undefined : readObject(reading, levels - 1);
    default:
      reading.at = endOfLiteral(reading.text, start);
      return reading.text.slice(start, reading.at);
  }
}

function readString(reading: Reading): string {
  const start = reading.at;
  reading.at = endOfString(reading.text, start);
  const written = reading.text.slice(start, reading.at);
  return written.includes('\\') || !written.isWellFormed() ? JSON.stringify(JSON.parse(written)) : written;
}

function readArray(reading: Reading, levels: number): string | undefined {
  const elements: string[] = [];
  for (let more = enter(reading); more; more = goOn(reading)) {
    const element = readValue(reading, levels);
    if (element === undefined) return undefined;
    elements.push(element);
  }
  return `[${elements.join(',')}]`;
}

/** Of a key that comes twice, the last one counts, as it does for `JSON.parse`. */
function readObject(reading: Reading, levels: number): string | undefined {
  const members = new Map<string, string>();
  for (let more = enter(reading); more; more = goOn(reading)) {
    const start = skipSpace(reading.text, reading.at);
    const end = endOfString(reading.text, start);
    reading.at = skipSpace(reading.text, end) + 1;
    const member = readValue(reading, levels);
    if (member === undefined) return undefined;
    members.set(decodeKey(reading.text.slice(start, end)), member);
  }
  const keys = [...members.keys()].toSorted();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${members.get(key)!}`).join(',')}}`;
}

/** Goes into an array or an object; false for an empty one, which is then behind. */
function enter(reading: Reading): boolean {
  reading.at = skipSpace(reading.text, reading.at + 1);
  const code = reading.text.charCodeAt(reading.at);
  const isEmpty = code === CLOSE_BRACKET || code === CLOSE_BRACE;
  if (isEmpty) reading.at += 1;
  return !isEmpty;
}

/** Goes on to what follows; false at the end, which is then behind. */
function goOn(reading: Reading): boolean {
  reading.at = skipSpace(reading.text, reading.at);
  const isComma = reading.text.charCodeAt(reading.at) === COMMA;
  reading.at += 1;
  return isComma;
}
