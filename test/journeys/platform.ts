/** All rows behind one core: two environments behind Node HTTP that take turns, whatever the client holds. */
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import { hostStdioUpstreams } from '../../lib/local/stdio/host.ts';
import { startHarness, type Harness } from '../support/gateway-harness.ts';
import type { Address, JourneyUpstream } from '../support/journey-upstreams.ts';
import { fileOf, startBeside } from './rows.ts';

export interface Platform {
  readonly harness: Harness;
  /** Another environment with each request. */
  readonly fetch: typeof globalThis.fetch;
  addressOf(server: string): Address;
  close(): Promise<void>;
}

/** `upstreams` by name, and with whatever else their configuration is to say. */
export async function startPlatform(
  upstreams: Readonly<Record<string, Pick<JourneyUpstream, 'address' | 'config'>>>,
): Promise<Platform> {
  const beside = await startBeside();
  const hosted = await hostAll(upstreams);
  const harness = await startHarness({
    url: '',
    leg: { name: 'journeys', store: 'memory', platform: 'node' },
    file: fileOf(hosted.configs, beside),
  });
  let turn = 0;
  return {
    harness,
    fetch: (input, init) => {
      const { pathname, search } = new URL(input instanceof Request ? input.url : input);
      const origin = harness.origins[turn++ % harness.origins.length];
      return fetch(`${origin}${pathname}${search}`, init);
    },
    addressOf: (server) => ({ kind: 'http', url: `${harness.origins[0]}/mcp/${server}` }),
    close: async () => {
      await harness.close();
      await hosted.close();
      await beside.close();
    },
  };
}

/** Commands are for the main process of a local gateway; here they are hosted as it does. */
async function hostAll(upstreams: Readonly<Record<string, Pick<JourneyUpstream, 'address' | 'config'>>>) {
  const configs = Object.fromEntries(Object.entries(upstreams).map(([name, { config }]) => [name, config]));
  const commands = Object.entries(upstreams).flatMap(([name, { address }]) => (address.kind === 'stdio' ? [name] : []));
  if (commands.length === 0) return { configs, close: async () => undefined };
  const resolved = resolveConfig(
    {
      upstreams: Object.fromEntries(commands.map((name) => [name, configs[name]])),
      servers: { default: { upstreams: commands } },
    },
    UNSAID.local,
  );
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'stdio upstreams of a test'));
  const host = await hostStdioUpstreams(resolved.config, { report: () => undefined, onStderr: () => undefined });
  const urls = commands.map((name): [string, object] => {
    const { command: _, args: __, env: ___, ...rest } = configs[name] as Record<string, unknown>;
    return [name, { ...rest, url: host.config.upstreams[name]?.url }];
  });
  return { configs: { ...configs, ...Object.fromEntries(urls) }, close: () => host.close() };
}
