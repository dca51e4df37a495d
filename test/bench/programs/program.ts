/** Both ends of a program of the bench: a process of its own that serves on a port and counts what it is asked. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

/** How often each kind of request came. */
export type Counts = Readonly<Record<string, number>>;

export interface Program {
  readonly pid: number;
  /** Without a path. */
  readonly origin: string;
  /** What it was asked since it started. */
  counts(): Promise<Counts>;
  close(): Promise<void>;
}

/** What a program serves, and what it counts; the other end is `startProgram`. */
export interface Service {
  readonly origin: string;
  readonly counts?: Counts;
  /** Resolves once all that has been answered is counted, where that takes longer than the answer. */
  readonly counted?: () => Promise<void>;
}

type Answer =
  | { readonly kind: 'serving'; readonly origin: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'counts'; readonly counts: Counts };

/** Starts the program in `module` with `data`, which must survive JSON. Rejects when it ends before it serves. */
export async function startProgram(module: URL, data: unknown = {}): Promise<Program> {
  const child = fork(fileURLToPath(module), [JSON.stringify(data)], { execArgv: [] });
  const exited = once(child, 'exit');
  const answer = (): Promise<Answer> =>
    Promise.race([
      once(child, 'message').then(([message]) => message as Answer),
      exited.then(() => Promise.reject(new Error(`${module.pathname} ended while it was needed`))),
    ]);
  const close = async (): Promise<void> => {
    // Its end of the channel tells it to end.
    if (child.connected) child.disconnect();
    await exited;
  };
  const first = await answer();
  if (first.kind === 'serving') return { pid: child.pid!, origin: first.origin, counts, close };
  await close();
  throw new Error(`${module.pathname} could not start: ${first.kind === 'failed' ? first.reason : first.kind}`);

  async function counts(): Promise<Counts> {
    const answered = answer();
    child.send('counts');
    const message = await answered;
    return message.kind === 'counts' ? message.counts : {};
  }
}

/** Runs the service of this process until the bench lets go of it. `start` is given what `startProgram` was. */
export async function runProgram(start: (data: unknown) => Promise<Service>): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  // A terminal sends its signal to all of them; the bench decides the order in which they end.
  process.on('SIGINT', () => undefined);
  try {
    const { origin, counts = {}, counted = async () => undefined } = await start(JSON.parse(process.argv[2] ?? '{}'));
    process.on('message', () => void counted().then(() => tell({ kind: 'counts', counts })));
    tell({ kind: 'serving', origin });
  } catch (error) {
    tell({ kind: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function tell(answer: Answer): void {
  process.send?.(answer);
}

/** Serves on a free port of 127.0.0.1 and returns its origin; connections stay open while the bench pauses. */
export async function listen(listener: RequestListener): Promise<string> {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
