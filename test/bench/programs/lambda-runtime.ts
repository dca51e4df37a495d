/**
 * The part of Lambda's Node.js runtime that a cold start needs, in as little code as possible: loads the handler, gives
 * it one event after another, and tells when the handler was loaded and when each answer was complete. Built to plain
 * JavaScript before it runs, so that no time goes into removing types. In place of `{random}` an event gets a text that no
 * other has.
 *
 * Arguments: path of the bundle, then of the events' files, then after `--import` the path of another module to load.
 */
import type { Writable } from 'node:stream';
import { mostMemoryBytes } from './memory.ts';

/** One line of output. */
export type RuntimeMark =
  /** Milliseconds since the process began. */
  | { readonly kind: 'loaded'; readonly at: number }
  | { readonly kind: 'imported'; readonly at: number }
  | {
      readonly kind: 'answered';
      readonly at: number;
      readonly status: number;
      readonly text: string;
      /** The most memory that the process has held so far, in bytes. */
      readonly mostMemoryBytes: number;
    };

export type RandomMark = '{random}';

type Handler = (event: unknown, stream: Writable, context: object) => Promise<unknown>;

interface Prelude {
  readonly statusCode: number;
}

const { Writable: WritableStream } = process.getBuiltinModule('node:stream');
const { readFileSync, writeSync } = process.getBuiltinModule('node:fs');
const { pathToFileURL } = process.getBuiltinModule('node:url');

const RANDOM: RandomMark = '{random}';

const preludes = new WeakMap<Writable, Prelude>();

Object.assign(globalThis, {
  awslambda: {
    streamifyResponse: (handler: Handler) => handler,
    HttpResponseStream: {
      from(stream: Writable, prelude: Prelude): Writable {
        preludes.set(stream, prelude);
        return stream;
      },
    },
  },
});

function tell(mark: RuntimeMark): void {
  writeSync(1, `${JSON.stringify(mark)}\n`);
}

async function load(file: string): Promise<Record<string, unknown>> {
  return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
}

function readEvent(file: string): unknown {
  const { randomUUID } = process.getBuiltinModule('node:crypto');
  return JSON.parse(readFileSync(file, 'utf8').replaceAll(RANDOM, () => randomUUID()));
}

async function answer(handler: Handler, event: unknown): Promise<void> {
  let text = '';
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const stream = new WritableStream({
    write(chunk, _encoding, callback) {
      text += String(chunk);
      callback();
    },
    final(callback) {
      const at = performance.now();
      const status = preludes.get(stream)?.statusCode ?? 0;
      tell({ kind: 'answered', at, status, text: text.slice(0, 500), mostMemoryBytes: mostMemoryBytes() });
      callback();
      finish();
    },
  });
  const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 60_000 };
  await handler(event, stream, context);
  await finished;
}

const [bundle = '', ...rest] = process.argv.slice(2);
const [first, other] = rest;
const { handler } = await load(bundle);
tell({ kind: 'loaded', at: performance.now() });
if (first === '--import' && other !== undefined) {
  await load(other);
  tell({ kind: 'imported', at: performance.now() });
} else {
  for (const file of rest) await answer(handler as Handler, readEvent(file));
}
process.exit(0);
