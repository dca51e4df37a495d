/**
 * The platform's part in a function's log: what the function writes to a descriptor, a line of JSON at a time, is written
 * there in the form that its reader wants, and told to the platform besides. It is written before `writeSync` returns,
 * with or without the capture: whoever ends the environment, or the whole process, right afterwards leaves the line.
 */
import { createLineWriter } from '../../adapters/logging/line-writer.ts';
import { createLinePrinter } from '../log/printer.ts';
import type { LogCapture } from './frames.ts';

const fs = process.getBuiltinModule('node:fs');
const { syncBuiltinESMExports } = process.getBuiltinModule('node:module');

/** In this thread, for as long as it lives. `tell` hears each line once it has been written. */
export function captureLog({ fd, ...form }: LogCapture, tell: (line: string) => void): void {
  const writeSync = fs.writeSync;
  const print = createLinePrinter(form, createLineWriter(fd));
  const splitter = new LineSplitter();
  /** What the capture writes by itself goes where it is to go. */
  let isWriting = false;

  const capture = (bytes: Uint8Array): number => {
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

  const captured = (target: number, data: string | NodeJS.ArrayBufferView, ...place: unknown[]): number =>
    target === fd && !isWriting
      ? capture(bytesOf(data, place))
      : (Reflect.apply(writeSync, fs, [target, data, ...place]) as number);

  fs.writeSync = captured;
  syncBuiltinESMExports();
}

/** `place` is what `writeSync` takes besides: offset and length, of bytes. */
function bytesOf(data: string | NodeJS.ArrayBufferView, [offset, length]: readonly unknown[]): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  const from = typeof offset === 'number' ? offset : 0;
  const size = typeof length === 'number' ? length : data.byteLength - from;
  return Buffer.from(data.buffer, data.byteOffset + from, size);
}

/** Lines of UTF-8, of bytes that come in pieces. */
class LineSplitter {
  #rest = Buffer.alloc(0);

  push(bytes: Uint8Array): string[] {
    const whole = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    const end = whole.lastIndexOf('\n');
    this.#rest = whole.subarray(end + 1);
    return end < 0 ? [] : whole.toString('utf8', 0, end).split('\n');
  }
}
