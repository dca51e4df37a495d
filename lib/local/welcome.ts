import type { GatewayConfig, UpstreamConfig } from '../config/schema.ts';
import { USUAL_FILE, type Configuration } from './configuration.ts';

/** What the gateway fronts, and how to connect a client to it. Ends without a line break. */
export function welcome({ config, file }: Configuration, origin: string, hasConsole: boolean): string {
  const endpoint = `${origin}/mcp`;
  return [
    'Sluice, an MCP gateway, on this machine',
    file === undefined ? `Without a ${USUAL_FILE}, it fronts two demo upstreams of its own:` : `As ${file} says:`,
    ...virtualServers(config, endpoint),
    '',
    'Connect a client, for example:',
    `  claude mcp add --transport http sluice ${endpoint}`,
    `  { "mcpServers": { "sluice": { "type": "http", "url": "${endpoint}" } } }`,
    '',
    ...(hasConsole ? [`See what happens: ${origin}/console`, ''] : []),
  ].join('\n');
}

function virtualServers({ servers, upstreams }: GatewayConfig, endpoint: string): string[] {
  const rows = Object.entries(servers).map(([name, server]) => ({
    address: name === 'default' ? endpoint : `${endpoint}/${name}`,
    fronted: server.upstreams.map((upstream) => `${upstream} ${placeOf(upstreams[upstream])}`).join(', '),
  }));
  const width = Math.max(...rows.map(({ address }) => address.length));
  return rows.map(({ address, fronted }) => `  ${address.padEnd(width)}  ->  ${fronted}`);
}

/** A query may hold a key, and so may a command. */
function placeOf(upstream: UpstreamConfig | undefined): string {
  return upstream?.stdio === undefined ? `at ${upstream?.url.replace(/\?.*$/, '')}` : 'run by its command';
}
