/** What AWS's own runtime is asked besides the suite. */
import { equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import { startLocalGateway } from '../../lib/local/gateway.ts';
import { startRuntimeFunction } from '../runtime/function.ts';
import { runtimePromises } from '../runtime/promises.ts';
import type { RuntimeClient } from '../runtime/ric.ts';
import { openStage, type StartFunction } from '../runtime/stage.ts';

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
