/**
 * The platform's part in a function's log: what the function writes to a descriptor, a line of JSON at a time, is written
 * there in the form that its reader wants, and told to the platform besides. It is written before `writeSync` returns,
 * with or without the capture: whoever ends the environment, or the whole process, right afterwards leaves the line. Where
 * JSON is wanted, everything is written as it is, be it a line or not; in another form, a line once it is whole.
 */
import { StringDecoder } from 'node:string_decoder';
import { createLineWriter } from '../../adapters/logging/line-writer.ts';
import { createLinePrinter } from '../log/printer.ts';
import type { LogCapture } from './frames.ts';

const fs = process.getBuiltinModule('node:fs');
const { syncBuiltinESMExports } = process.getBuiltinModule('node:module');

/** No more characters are held back for a line that does not end; a longer one is broken into several. */
const MOST_LINE_CHARS = 256 * 1024;

type Data = string | NodeJS.ArrayBufferView;

/** In this thread, for as long as it lives. `tell` hears each line once it has been written. */
export function captureLog({ fd, ...form }: LogCapture, tell: (line: string) => void): void {
  const writeSync = fs.writeSync;
  const print = createLinePrinter(form, createLineWriter(fd));
  const splitter = new LineSplitter();
  /** What the capture writes by itself goes where it is to go. */
  let isWriting = false;

  const write = (target: number, data: Data, place: readonly unknown[]): number =>
    Reflect.apply(writeSync, fs, [target, data, ...place]) as number;

  const passOn = (data: Data, place: readonly unknown[]): number => {
    const written = write(fd, data, place);
    for (const line of splitter.push(bytesOf(data, place).subarray(0, written))) tell(line);
    return written;
  };

  const putInForm = (data: Data, place: readonly unknown[]): number => {
    const bytes = bytesOf(data, place);
    isWriting = true;
    try {
      for (const line of splitter.push(bytes)) {
        print(line);
        tell(line);
      }
    } finally {
      isWriting = false;
    }
    return bytes.length;
  };

  const capture = form.format === 'json' ? passOn : putInForm;
  fs.writeSync = (target: number, data: Data, ...place: unknown[]): number =>
    target === fd && !isWriting ? capture(data, place) : write(target, data, place);
  syncBuiltinESMExports();
}

/**
 * `place` is what `writeSync` takes besides: position and encoding of a text; of bytes, offset and length one by one or in
 * an object. Where in the file they go is of no matter to a log.
 */
function bytesOf(data: Data, place: readonly unknown[]): Buffer {
  if (typeof data === 'string') return Buffer.from(data, (place[1] ?? 'utf8') as BufferEncoding);
  const [offset, length] = isOptions(place[0]) ? [place[0].offset, place[0].length] : place;
  const from = typeof offset === 'number' ? offset : 0;
  const size = typeof length === 'number' ? length : data.byteLength - from;
  return Buffer.from(data.buffer, data.byteOffset + from, size);
}

function isOptions(value: unknown): value is { readonly offset?: unknown; readonly length?: unknown } {
  return typeof value === 'object' && value !== null;
}

/** Lines of UTF-8, of bytes that come in pieces. */
class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  push(bytes: Buffer): string[] {
    const [first = '', ...others] = this.#decoder.write(bytes).split('\n');
    const lines = [this.#rest + first, ...others];
    let rest = lines.pop() ?? '';
    for (; rest.length > MOST_LINE_CHARS; rest = rest.slice(MOST_LINE_CHARS))
      lines.push(rest.slice(0, MOST_LINE_CHARS));
    this.#rest = rest;
    return lines;
  }
}
