/** The local gateway with its console, two demo upstreams, and one that is not there. */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { resolveConfig, UNSAID } from '../../../lib/config/load.ts';
import { formatProblems } from '../../../lib/config/problems.ts';
import { buildConsolePage, type ConsolePage } from '../../../lib/local/console/page.ts';
import { startDemoUpstreams } from '../../../lib/local/demo/start.ts';
import { startLocalGateway } from '../../../lib/local/gateway.ts';
import { freePort } from '../../support/free-port.ts';

export interface World {
  /** Of the page. */
  readonly console: string;
  /** Of the virtual server with all upstreams. */
  readonly mcp: string;
  close(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const upstreams = await startDemoUpstreams();
  const resolved = resolveConfig(
    {
      upstreams: {
        time: { url: upstreams.time },
        test: { url: upstreams.test, prefix: '' },
        missing: { url: `http://127.0.0.1:${await freePort()}/mcp`, era: 'modern' },
      },
      servers: { default: { upstreams: ['time', 'test', 'missing'] } },
    },
    UNSAID.local,
  );
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'the configuration of the world'));
  // What environments log is on the page.
  const log = openSync(devNull, 'a');
  let page: Promise<ConsolePage> | undefined;
  const gateway = await startLocalGateway({
    config: resolved.config,
    port: 0,
    environments: 4,
    affinity: false,
    log: 'json',
    logFd: log,
    report: (line) => process.stderr.write(`${line}\n`),
    consolePage: () => (page ??= buildConsolePage()),
  });
  return {
    console: `${gateway.origin}/console`,
    mcp: `${gateway.origin}/mcp`,
    close: async () => {
      await gateway.close();
      await upstreams.close();
      closeSync(log);
    },
  };
}
