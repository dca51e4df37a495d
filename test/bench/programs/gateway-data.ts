import { resolveConfig } from '../../../lib/config/load.ts';
import { formatProblems } from '../../../lib/config/problems.ts';
import type { GatewayConfig } from '../../../lib/config/schema.ts';
import { benchConfiguration } from '../workload.ts';

/** What a program with a gateway in it is started with. */
export interface GatewayData {
  /** Origin of the upstream. */
  readonly upstream: string;
  /** Where the stores are; in memory when left out. */
  readonly dynamodb?: { readonly endpoint: string; readonly tableName: string } | undefined;
}

export function gatewayConfig({ upstream }: Pick<GatewayData, 'upstream'>): GatewayConfig {
  const result = resolveConfig(benchConfiguration(upstream));
  if (result.ok) return result.config;
  throw new Error(formatProblems(result.problems, 'the configuration of the bench'));
}
