/** The bundled function with a daemon to send its traces to, in front of an upstream that keeps its own account. */
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { request as sendRequest, type Agent } from 'node:http';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { vi } from 'vitest';
import { VARIABLES } from '../../lib/adapters/lambda/names.ts';
import { startEmulator } from '../../lib/local/emulator/emulator.ts';
import type { TraceSpan } from '../../lib/local/console/feed.ts';
import { startXrayDaemon } from '../../lib/local/xray/daemon.ts';
import { Traces } from '../../lib/local/xray/traces.ts';
import { endWithThisProcess, stop } from '../support/child-process.ts';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../support/local-gateway.ts';
import type { Testimony } from './witness.ts';

/** The dimension `service` of what the function measures. */
export const SERVICE = 'Sluice';

/** When something began and ended, milliseconds since the epoch, with a fraction. */
export interface Interval {
  readonly began: number;
  readonly ended: number;
}

export interface Witness {
  readonly url: string;
  /** What it has seen of a call, attempt by attempt, once there are so many. */
  intervalsOf(call: string, count?: number): Promise<readonly Interval[]>;
  /** When a call of which nothing else is known yet has come in. */
  beganAt(call: string): Promise<number>;
  kill(): Promise<void>;
}

export interface World {
  readonly witness: Witness;
  readonly gateway: TestGateway;
  /** The trace, once it holds a span that has ended and passes. */
  traceWith(traceId: string, holds: (spans: readonly TraceSpan[]) => boolean): Promise<readonly TraceSpan[]>;
  /** What the daemon could not read. */
  readonly refused: readonly string[];
  close(): Promise<void>;
}

export async function openWorld(upstream: object = {}, options: TestGatewayOptions = {}): Promise<World> {
  const witness = await startWitness();
  const traces = new Traces({ traces: 1000, spans: 1000, traceChars: Infinity, chars: Infinity });
  const refused: string[] = [];
  const daemon = await startXrayDaemon({
    onDocument: (document) => traces.add(document),
    report: (line) => refused.push(line),
  });
  const gateway = await startTestGateway(
    { upstreams: { up: { url: witness.url, ...upstream } }, servers: { default: { upstreams: ['up'] } } },
    {
      startFunction: ({ variables, ...given }) =>
        startEmulator({
          ...given,
          variables: { ...variables, [VARIABLES.service]: SERVICE },
          xrayDaemon: daemon.address,
        }),
      ...options,
    },
  );
  return {
    witness,
    gateway,
    traceWith: (traceId, holds) =>
      vi.waitFor(
        () => {
          const spans = traces.find(traceId)?.spans ?? [];
          if (!holds(spans))
            throw new Error(`Of ${traceId} there is only ${JSON.stringify(spans.map(({ name }) => name))}`);
          return spans;
        },
        { timeout: 5000, interval: 5 },
      ),
    refused,
    async close() {
      await gateway.close();
      await daemon.close();
      await witness.kill();
    },
  };
}

async function startWitness(): Promise<Witness> {
  const child: ChildProcess = fork(fileURLToPath(new URL('witness.ts', import.meta.url)));
  endWithThisProcess(child);
  const began = new Map<string, number>();
  const intervals = new Map<string, Interval[]>();
  const news = new EventEmitter();
  const [ready] = (await once(child, 'message')) as [Extract<Testimony, { kind: 'ready' }>];
  child.on('message', (testimony: Testimony) => {
    if (testimony.kind === 'began') began.set(testimony.call, testimony.at);
    if (testimony.kind === 'ended') {
      intervals.set(testimony.call, [...(intervals.get(testimony.call) ?? []), testimony]);
    }
    news.emit('news');
  });
  const until = async <T>(look: () => T | undefined): Promise<T> => {
    for (let found = look(); ; found = look()) {
      if (found !== undefined) return found;
      await once(news, 'news');
    }
  };
  return {
    url: `http://127.0.0.1:${ready.port}/mcp`,
    intervalsOf: (call, count = 1) =>
      until(() => {
        const known = intervals.get(call) ?? [];
        return known.length < count ? undefined : known;
      }),
    beganAt: (call) => until(() => began.get(call)),
    async kill() {
      child.kill('SIGKILL');
      await stop(child);
    },
  };
}

export function newTraceId(): string {
  return `1-${Math.floor(Date.now() / 1000).toString(16)}-${randomBytes(12).toString('hex')}`;
}

/** One POST with a client of Node's own, over a connection that is kept; `begun` is when it was asked for. */
export async function post(
  agent: Agent,
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Interval & { readonly text: string; readonly headers: NodeJS.Dict<string | string[]> }> {
  const began = performance.timeOrigin + performance.now();
  const outgoing = sendRequest(url, {
    agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    ...(signal !== undefined && { signal }),
  });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  const received = await text(response);
  return { began, ended: performance.timeOrigin + performance.now(), text: received, headers: response.headers };
}
