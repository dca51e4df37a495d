/**
 * JSON texts that mean the same, written in one way: members in order of their keys, no space, strings escaped alike.
 * Numbers stay as they were written: two that only differ beyond what a double can hold are not the same.
 */
import { isDeeperThan, parseJson } from './message.ts';

/** What nests deeper is not compared: writing it could exhaust the stack. */
const MAX_LEVELS = 100;

class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Undefined when the text is no JSON, or nests too deep. */
export function canonicalText(text: string): string | undefined {
  const value = parseJson(text);
  if (value === undefined || isDeeperThan(value, MAX_LEVELS)) return undefined;
  return write(JSON.parse(text, keepNumber as Reviver) as unknown);
}

type Reviver = (this: unknown, key: string, value: unknown) => unknown;

/** The engine gives the text of what is no object or array as the third argument. */
function keepNumber(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === 'number' ? new NumberText(source!) : value;
}

function write(value: unknown): string {
  if (value instanceof NumberText) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${write(member)}`).join(',')}}`;
}
