/** Runs a function of `fixtures/` in the emulator, behind an HTTP server, and takes its signals. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import { bundleFunction } from '../../lib/adapters/lambda/bundle.ts';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../lib/local/emulator/emulator.ts';
import { openGate, SignalBox } from '../support/signal-box.ts';
import type { Signal } from '../support/signals.ts';
import { send, type Headers, type WireResponse } from '../support/wire.ts';

export interface FixtureOptions extends Pick<EmulatorOptions, 'xrayDaemon' | 'log' | 'onEnvironment'> {
  /** A file in `fixtures/`. */
  readonly fixture?: string;
  readonly limit?: number;
  readonly affinity?: boolean;
  readonly timeoutMs?: number;
  readonly variables?: Readonly<Record<string, string>>;
}

export interface Fixture {
  /** Without a path. */
  readonly origin: string;
  readonly emulator: Emulator;
  /** What the platform reported so far. */
  readonly reports: readonly string[];
  /** Sends a request without a body, or with one as JSON. */
  call(path: string, body?: string, headers?: Headers): Promise<WireResponse>;
  /** The next signal of that name, whether it has come already or is to come. */
  take(name: string): Promise<Signal>;
  /** Lets the sender of a signal go on. */
  open(signal: Signal): void;
}

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

export function cleanUpAfterTest(cleanup: () => Promise<unknown>): void {
  cleanups.push(cleanup);
}

/** Removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  cleanUpAfterTest(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Ended after the test. */
export async function startFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const { fixture = 'handler.ts', limit = 10, affinity = false, timeoutMs = 60_000, variables = {}, ...rest } = options;
  const reports: string[] = [];
  const signals = new SignalBox();
  const { file } = await bundleFunction({
    entry: fileURLToPath(new URL(`fixtures/${fixture}`, import.meta.url)),
    outdir: await temporaryFolder(),
    config: {},
  });
  const emulator = await startEmulator({
    handlerFile: file,
    handlerExport: 'handler',
    limit,
    affinity,
    isSigned: false,
    timeoutMs,
    variables,
    report: (line) => reports.push(line),
    onMessage: (_environment, message) => signals.add(message as Signal),
    ...rest,
  });
  cleanUpAfterTest(() => emulator.close());
  const origin = await serve(emulator);
  return {
    origin,
    emulator,
    reports,
    call: (path, body, headers) =>
      body === undefined
        ? send('GET', `${origin}${path}`, '', headers)
        : send('POST', `${origin}${path}`, body, { 'content-type': 'application/json', ...headers }),
    take: (name) => signals.take(name),
    open: openGate,
  };
}

/** Over HTTP, until the test is over; resolves with the origin. */
export async function serve(emulator: Emulator): Promise<string> {
  const server = createServer((request, response) => emulator.handle(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanUpAfterTest(async () => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
