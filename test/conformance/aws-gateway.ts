/** The deployed function in front of the suite, run by AWS's own runtime instead of emulated environments. */
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import { startLocalGateway } from '../../lib/local/gateway.ts';
import { startRuntimeFunction, type RuntimeFunction } from '../runtime/function.ts';
import type { RuntimeClient } from '../runtime/ric.ts';
import { configurationOf, ENVIRONMENTS, GatewayLog, type GatewayInFront } from './in-front.ts';
import type { Neighbour } from './neighbours.ts';

/** What the environments of one gateway or more did. */
export interface Work {
  environments: number;
  coldStarts: number;
  invocations: number;
}

/**
 * Starts it in front of an upstream and its neighbours. Environments take turns, and each is frozen between its
 * invocations. What the platform has to report is trouble: a failed invocation, a timeout, a process that ended. When the
 * gateway is closed, its work is added to `work`.
 */
export async function startAwsGateway(
  client: RuntimeClient,
  upstream: string,
  neighbours: readonly Neighbour[],
  work: Work,
): Promise<GatewayInFront> {
  const resolved = resolveConfig(configurationOf(upstream, neighbours), UNSAID.local);
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'conformance configuration'));
  const log = new GatewayLog();
  let running: RuntimeFunction | undefined;
  const gateway = await startLocalGateway({
    config: resolved.config,
    port: 0,
    environments: ENVIRONMENTS,
    affinity: false,
    log: 'json',
    report: (line) => log.complain(line),
    startFunction: async (options) => {
      running = await startRuntimeFunction({ ...options, program: client.program, onLine: (line) => log.note(line) });
      return running;
    },
  });
  return {
    url: `${gateway.origin}/mcp`,
    environments: log.environments,
    troubles: log.troubles,
    close: async () => {
      work.environments += log.environments.size;
      work.coldStarts += running?.coldStarts ?? 0;
      work.invocations += running?.invocations ?? 0;
      await gateway.close();
    },
  };
}
