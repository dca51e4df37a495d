/** Stdio upstreams of `test/local/stdio`, hosted for a test, and the words they exchange with it. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { resolveConfig, UNSAID } from '../../../lib/config/load.ts';
import { formatProblems } from '../../../lib/config/problems.ts';
import { hostStdioUpstreams, type StdioHost } from '../../../lib/local/stdio/host.ts';
import { STDIO_TIMES, type StdioTimes } from '../../../lib/local/stdio/times.ts';
import { cleanUpAfterTest } from '../kit.ts';

/** A process of a fixture. */
export interface Fixture {
  readonly name: string;
  readonly pid: number;
  /** The next word that begins like this, whether it has come already or is to come. Rejects when the process ends. */
  take(start: string): Promise<string>;
  say(word: string): void;
  /** Settles when the process has ended. */
  readonly ended: Promise<void>;
}

export interface Lifelines {
  readonly port: number;
  /** The next process of that name, whether it has been started already or is to be. */
  next(name: string): Promise<Fixture>;
  /** How many processes there have been. */
  readonly count: number;
}

/** Things that come one by one, and those who wait for them. */
class Arrivals<T> {
  readonly #come: T[] = [];
  readonly #waiting: { fits: (item: T) => boolean; resolve: (item: T) => void; reject: (error: Error) => void }[] = [];

  add(item: T): void {
    const at = this.#waiting.findIndex(({ fits }) => fits(item));
    if (at === -1) this.#come.push(item);
    else this.#waiting.splice(at, 1)[0]!.resolve(item);
  }

  async take(fits: (item: T) => boolean): Promise<T> {
    const at = this.#come.findIndex(fits);
    if (at !== -1) return this.#come.splice(at, 1)[0]!;
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ fits, resolve, reject });
    });
  }

  end(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

export async function openLifelines(): Promise<Lifelines> {
  const fixtures = new Arrivals<Fixture>();
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    // A killed process resets its connection; that it has ended is all there is to know.
    socket.on('error', () => undefined);
    const words = new Arrivals<string>();
    const ended = new Promise<void>((resolve) => {
      socket.once('close', () => {
        words.end(new Error('The process has ended'));
        resolve();
      });
    });
    let isKnown = false;
    const lines = createInterface({ input: socket });
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      if (isKnown) return words.add(line);
      isKnown = true;
      count += 1;
      const [name = '', pid] = line.split(' ');
      fixtures.add({
        name,
        pid: Number(pid),
        take: (start) => words.take((word) => word.startsWith(start)),
        say: (word) => void socket.write(`${word}\n`),
        ended,
      });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanUpAfterTest(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    next: (name) => fixtures.take((fixture) => fixture.name === name),
    get count() {
      return count;
    },
  };
}

/** An upstream of a configuration file that runs a fixture. */
export function fixture(
  file: 'raw' | 'sdk-v1' | 'sdk-v2',
  name: string,
  lifelines: Lifelines,
  more: object = {},
): object {
  const path = fileURLToPath(new URL(`${file}.ts`, import.meta.url));
  const { env, ...rest } = more as { readonly env?: object };
  return {
    command: process.execPath,
    args: [path, name],
    env: { LIFELINE: String(lifelines.port), ...env },
    ...rest,
  };
}

export interface Hosted {
  readonly host: StdioHost;
  readonly url: string;
  readonly reports: readonly string[];
  /** The next report that matches, whether it has come already or is to come. */
  reported(pattern: RegExp): Promise<string>;
}

/** Hosts one upstream, named `tested`. Ended after the test. */
export async function hostOne(
  upstream: object,
  { times = {}, limits = {} }: { readonly times?: Partial<StdioTimes>; readonly limits?: object } = {},
): Promise<Hosted> {
  const resolved = resolveConfig(
    {
      upstreams: { tested: upstream },
      servers: { default: { upstreams: ['tested'] } },
      auth: { mode: 'none' },
      limits,
    },
    UNSAID.local,
  );
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'test configuration'));
  const reports: string[] = [];
  const arrivals = new Arrivals<string>();
  const host = await hostStdioUpstreams(resolved.config, {
    report: (line) => {
      reports.push(line);
      arrivals.add(line);
    },
    times: { ...STDIO_TIMES, ...times },
  });
  cleanUpAfterTest(() => host.close());
  return {
    host,
    url: host.config.upstreams['tested']!.url,
    reports,
    reported: (pattern) => arrivals.take((line) => pattern.test(line)),
  };
}

/** Whether there is a process of this id that this process may signal. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
