import { resolveConfig, UNSAID } from '../../../lib/config/load.ts';
import { formatProblems } from '../../../lib/config/problems.ts';
import type { GatewayConfig } from '../../../lib/config/schema.ts';
import { fleetConfiguration } from '../fleet.ts';
import { benchConfiguration } from '../workload.ts';

/** What a program with a gateway in it is started with. */
export interface GatewayData {
  /** Origin of the upstream. */
  readonly upstream: string;
  /** Where the stores are; in memory when left out. */
  readonly dynamodb?: { readonly endpoint: string; readonly tableName: string } | undefined;
  /** Whether there are many upstreams behind it, instead of one in its forms. */
  readonly fleet?: boolean;
}

export function gatewayConfig({ upstream, fleet }: Omit<GatewayData, 'dynamodb'>, generation = 0): GatewayConfig {
  const result = resolveConfig(
    fleet === true ? fleetConfiguration(upstream, generation) : benchConfiguration(upstream),
    UNSAID.local,
  );
  if (result.ok) return result.config;
  throw new Error(formatProblems(result.problems, 'the configuration of the bench'));
}
