/**
 * Reads JSON (RFC 8259) and says where it goes wrong. The platform's parser knows the place of some errors only, quotes
 * the text around them, and silently drops all but the last of several equal keys. Here each of these is a problem with
 * its line and column, and no more of the text is shown than one character or one key.
 */
import { quoted } from './problems.ts';
import type { Problem } from './problems.ts';

type JsonReading =
  /** Of equal keys the last one counts; `repeated` has a problem for each of them but the first. */
  | { readonly ok: true; readonly value: unknown; readonly repeated: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A byte order mark at the beginning is skipped. */
export function readJson(text: string): JsonReading {
  const json = text.replace(/^\uFEFF/, '');
  const { fault, repeated } = new Scan(json).run();
  const problems = repeated.map(({ key, at }) => ({
    path: position(json, at),
    expected: 'each key once in an object',
    found: `${quoted(key)} again`,
  }));
  if (!fault) return { ok: true, value: JSON.parse(json), repeated: problems };
  const syntax = { path: position(json, fault.at), expected: fault.expected, found: foundAt(json, fault.at) };
  return { ok: false, problems: [...problems, syntax] };
}

function foundAt(json: string, at: number): string {
  const character = json.codePointAt(at);
  return character === undefined ? 'the end of the file' : quoted(String.fromCodePoint(character));
}

function position(json: string, at: number): string {
  const lines = json.slice(0, at).split(/\r\n|\r|\n/);
  return `line ${lines.length}, column ${lines.at(-1)!.length + 1}`;
}

// ------------------------------------------------------------------------------------------------------------- scan

/** Where the text stops being JSON, and what it should have gone on with. */
interface Fault {
  readonly at: number;
  readonly expected: string;
}

/** What comes next: `first` directly after the bracket that opens an object or list, which may end there as well. */
type Next = 'value' | 'first value' | 'key' | 'first key' | 'comma';

const SPACE = /[ \t\r\n]*/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PLAIN_TEXT = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/y;

/** One pass over a text, with a stack of its own, so that no depth of nesting exhausts the real one. */
class Scan {
  fault: Fault | undefined;
  /** Keys that their object already had, up to the fault. */
  readonly repeated: { readonly key: string; readonly at: number }[] = [];
  private readonly json: string;
  private at = 0;
  private next: Next = 'value';
  /** For each object or list that has begun and not ended: its keys so far, or undefined for a list. */
  private readonly open: (Set<string> | undefined)[] = [];

  constructor(json: string) {
    this.json = json;
  }

  run(): this {
    this.skip(SPACE);
    while (!this.fault && (this.next !== 'comma' || this.open.length > 0)) this.step();
    if (!this.fault && this.at < this.json.length) this.fail('nothing more');
    return this;
  }

  /** Reads one of: a bracket, a comma, a key with its colon, a scalar value. */
  private step(): void {
    const keys = this.open.at(-1);
    const end = keys ? '}' : ']';
    const mayEnd = this.open.length > 0 && this.next !== 'value' && this.next !== 'key';
    if (mayEnd && this.take(end)) this.close();
    else if (this.next === 'comma') this.comma(keys ? 'key' : 'value', end);
    else if (keys && this.next !== 'value') this.key(keys);
    else this.value();
    this.skip(SPACE);
  }

  private close(): void {
    this.open.pop();
    this.next = 'comma';
  }

  private comma(next: Next, end: string): void {
    if (this.take(',')) this.next = next;
    else this.fail(`"," or "${end}"`);
  }

  private key(keys: Set<string>): void {
    const start = this.at;
    if (!this.take('"')) return this.fail(`a key in quotation marks${this.next === 'key' ? '' : ' or "}"'}`);
    this.text();
    if (this.fault) return;
    const key: string = JSON.parse(this.json.slice(start, this.at));
    if (keys.has(key)) this.repeated.push({ key, at: start });
    keys.add(key);
    this.skip(SPACE);
    if (this.take(':')) this.next = 'value';
    else this.fail('":"');
  }

  private value(): void {
    if (this.take('{')) return this.begin(new Set(), 'first key');
    if (this.take('[')) return this.begin(undefined, 'first value');
    if (this.take('"')) this.text();
    else if (!this.skip(SCALAR)) return this.fail(`a value${this.next === 'value' ? '' : ' or "]"'}`);
    this.next = 'comma';
  }

  private begin(keys: Set<string> | undefined, next: Next): void {
    this.open.push(keys);
    this.next = next;
  }

  /** The rest of a text, after the quotation mark that begins it. */
  private text(): void {
    do this.skip(PLAIN_TEXT);
    while (this.skip(ESCAPE));
    if (this.take('"')) return;
    if (!this.take('\\')) this.fail('a quotation mark at the end of the text, on the same line');
    else this.fail('one of " \\ / b f n r t, or u and four digits, after a backslash');
  }

  private fail(expected: string): void {
    this.fault = { at: this.at, expected };
  }

  private take(character: string): boolean {
    if (this.json[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  /** Goes past what a sticky pattern matches; false when that is nothing. */
  private skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.json) || pattern.lastIndex === this.at) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}
