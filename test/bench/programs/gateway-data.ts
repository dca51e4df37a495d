import { resolveConfig, UNSAID } from '../../../lib/config/load.ts';
import { formatProblems } from '../../../lib/config/problems.ts';
import type { GatewayConfig } from '../../../lib/config/schema.ts';
import { fleetConfiguration } from '../fleet.ts';
import { benchConfiguration, PREFIX } from '../workload.ts';

/** What a program with a gateway in it is started with. */
export interface GatewayData {
  /** Origin of the upstream. */
  readonly upstream: string;
  /** Where the stores are; in memory when left out. */
  readonly dynamodb?: { readonly endpoint: string; readonly tableName: string } | undefined;
  /** Whether metrics are written, as the deployed function does after each answer. */
  readonly metrics?: boolean;
  /** Whether there are many upstreams behind it, instead of one in its forms. */
  readonly fleet?: boolean;
  /** The path of the only upstream there, instead. */
  readonly path?: string | undefined;
  /** A command that is the only upstream, instead. */
  readonly stdio?: StdioUpstream | undefined;
}

export interface StdioUpstream {
  readonly command: string;
  readonly args: readonly string[];
}

export function gatewayConfig({ upstream, fleet, path, stdio }: GatewayData, generation = 0): GatewayConfig {
  if (stdio !== undefined) {
    // One process for all: it keeps nothing between calls.
    return resolvedConfig(configurationOf('stdio', { ...stdio, prefix: PREFIX, isolation: 'shared' }));
  }
  if (path !== undefined) {
    // Gateways may share a table, and nothing in it.
    const name = path.split('/').at(-1) ?? '';
    return resolvedConfig(configurationOf(name, { url: upstream + path, prefix: PREFIX }));
  }
  return resolvedConfig(fleet === true ? fleetConfiguration(upstream, generation) : benchConfiguration(upstream));
}

function configurationOf(name: string, only: object): object {
  return { upstreams: { [name]: only }, servers: { default: { upstreams: [name] } } };
}

/** Throws when it is not a configuration. */
export function resolvedConfig(configuration: object): GatewayConfig {
  const result = resolveConfig(configuration, UNSAID.local);
  if (result.ok) return result.config;
  throw new Error(formatProblems(result.problems, 'the configuration of the bench'));
}
