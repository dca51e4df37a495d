/** What AWS's own runtime is asked besides the suite. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import { startLocalGateway } from '../../lib/local/gateway.ts';
import { startXrayDaemon } from '../../lib/local/xray/daemon.ts';
import { Traces } from '../../lib/local/xray/traces.ts';
import { startRuntimeFunction } from '../runtime/function.ts';
import { runtimePromises } from '../runtime/promises.ts';
import type { RuntimeClient } from '../runtime/ric.ts';
import { openStage, type StartFunction } from '../runtime/stage.ts';
import { modernRequest } from '../support/wire.ts';

export interface Outcome {
  readonly passed: number;
  /** What was not as it should be, with the reason. */
  readonly failed: readonly string[];
}

/** A check that fails may be one that never settles. */
const CHECK_LIMIT_MS = 30_000;

const SCHEDULED = fileURLToPath(new URL('../../functions/refresh.ts', import.meta.url));

/**
 * Whether it keeps the promises that the emulator keeps, and runs the scheduled function, whose answer is not streamed.
 * Rejects when the signal aborts.
 */
export async function checkRuntime({ program }: RuntimeClient, signal: AbortSignal): Promise<Outcome> {
  const start: StartFunction = (options) => startRuntimeFunction({ ...options, program, onLine: () => undefined });
  const checks = [
    ...runtimePromises.map(({ name, options, check }) => ({
      name,
      run: async () => {
        const stage = await openStage(start, options);
        try {
          await withinLimit(check(stage));
        } finally {
          await stage.close();
        }
      },
    })),
    { name: 'the scheduled function keeps house', run: () => keepHouse(start) },
    { name: 'a traced call leaves its trace, before and after it was frozen', run: () => leaveTraces(start) },
  ];
  const failed: string[] = [];
  for (const { name, run } of checks) {
    signal.throwIfAborted();
    await run().catch((error: unknown) => {
      failed.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
  return { passed: checks.length - failed.length, failed };
}

/** Calls of an upstream that is not there, in one environment: each is a trace of its own, and whole. */
async function leaveTraces(startFunction: StartFunction): Promise<void> {
  const file = { upstreams: { up: { url: 'http://127.0.0.1:9/mcp', era: 'modern', breaker: false, retries: 0 } } };
  const resolved = resolveConfig({ ...file, servers: { default: { upstreams: ['up'] } } }, UNSAID.local);
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'configuration'));
  const troubles: string[] = [];
  const traces = new Traces({ traces: 10, spans: 100, traceChars: 50_000, chars: 500_000 });
  const daemon = await startXrayDaemon({
    onDocument: (document) => traces.add(document),
    report: (line) => troubles.push(line),
  });
  const gateway = await startLocalGateway({
    config: resolved.config,
    port: 0,
    environments: 1,
    affinity: true,
    log: 'json',
    report: (line) => troubles.push(line),
    startFunction: (options) => startFunction({ ...options, xrayDaemon: daemon.address }),
  });
  try {
    for (const number of [1, 2, 3]) {
      const traceId = `1-00000000-00000000000000000000000${number}`;
      const { body, headers } = modernRequest('tools/call', { name: 'up__any' });
      const answer = await fetch(`${gateway.origin}/mcp`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'x-amzn-trace-id': `Root=${traceId}` },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(CHECK_LIMIT_MS),
      });
      await answer.text();
      // It has left before the answer ends, and is read by this process in its next turns.
      await setImmediate();
      await setImmediate();
      const spans = traces.find(traceId)?.spans ?? [];
      deepEqual(
        spans.map(({ name, endedAt }) => [name, endedAt !== null]),
        [
          ['gateway', true],
          ['authenticate', true],
          ['tools/call', true],
          ['upstream up', true],
          ['connect', true],
        ],
      );
    }
    deepEqual(troubles, []);
  } finally {
    await gateway.close();
    await daemon.close();
  }
}

/** Over an empty table, where there is nothing to do. */
async function keepHouse(startFunction: StartFunction): Promise<void> {
  // Nothing is there that would make it call this upstream.
  const file = { upstreams: { up: { url: 'http://127.0.0.1:9/mcp' } }, servers: { default: { upstreams: ['up'] } } };
  const resolved = resolveConfig(file, UNSAID.local);
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'configuration'));
  const reports: string[] = [];
  const gateway = await startLocalGateway({
    config: resolved.config,
    entry: SCHEDULED,
    port: 0,
    environments: 1,
    affinity: false,
    log: 'json',
    report: (line) => reports.push(line),
    startFunction,
  });
  try {
    const answer = await fetch(gateway.origin, { signal: AbortSignal.timeout(CHECK_LIMIT_MS) });
    const text = await answer.text();
    equal(answer.status, 200, text);
    ok(/^\{"refreshed":\[.*\],"swept":\{"clientSessions":0,"upstreamSessions":0\}\}$/.test(text), text);
    equal(reports.join('\n'), '');
  } finally {
    await gateway.close();
  }
}

async function withinLimit(check: Promise<void>): Promise<void> {
  const late = AbortSignal.timeout(CHECK_LIMIT_MS);
  await Promise.race([check, once(late, 'abort').then(() => Promise.reject(late.reason as Error))]);
}
