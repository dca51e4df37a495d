/** Other gateways, each set up as its documentation says. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Place } from '../mcp-client.ts';
import type { Stage } from '../stage.ts';
import { answersAt, connectBench } from './clients.ts';
import { startContextForge } from './contextforge.ts';
import { installPackages, installPython } from './installation.ts';
import type { Peer, RunningPeer } from './peer.ts';
import { freePort } from '../../support/free-port.ts';
import { memoryOf, startProcess, type Command } from './process.ts';
import { openStdioCounts, stdioServer, type StdioCounts } from './stdio-counts.ts';
import { upstreamFor } from './upstream.ts';

export function otherPeers(stage: Stage): readonly Peer[] {
  return [
    {
      name: 'FastMCP proxy 4.2.3',
      upstream: 'Streamable HTTP',
      setup:
        "create_proxy(url) served by run(transport='http'), as its documentation has it, in one worker: a new upstream session for each " +
        'request, so that none is shared.',
      start: () => startFastMcp(stage),
    },
    {
      name: 'ContextForge 1.0.7',
      upstream: 'Streamable HTTP',
      setup:
        'ENVIRONMENT=production, JWT required, sessions reused (USE_STATEFUL_SESSIONS), answers in JSON, administration ' +
        'pages and access log off. Otherwise than its advice for production: SQLite in place of PostgreSQL, caches in ' +
        'memory in place of Redis, one uvicorn worker in place of several, and its limit of 100 calls a minute off, ' +
        'because it is speed that is measured. Its start is a second one, with its database in place; messages are with ' +
        'its own health checks.',
      start: () => startContextForge(stage),
    },
    {
      name: 'mcp-proxy 6.7.19',
      upstream: 'stdio',
      setup: 'mcp-proxy --server stream -- command: what it is for. One process of the command serves all sessions.',
      start: () =>
        startBridge('mcp-proxy/dist/bin/mcp-proxy.mjs', (port, { command, args }) =>
          ['--port', String(port), '--server', 'stream', '--', command].concat(args),
        ),
    },
    {
      name: 'supergateway 4.0.0',
      upstream: 'stdio',
      setup:
        'supergateway --stdio command --outputTransport streamableHttp --stateful: what it is for. Each session gets a ' +
        'process of the command.',
      start: () =>
        startBridge('supergateway/dist/index.js', (port, { command, args }) => {
          const stdio = [command, ...args].map((part) => `"${part}"`).join(' ');
          const output = ['--outputTransport', 'streamableHttp', '--stateful', '--port', String(port)];
          return ['--stdio', stdio, '--logLevel', 'none'].concat(output);
        }),
    },
  ];
}

async function startAt(place: Place, command: Command, upstreamCounts: RunningPeer['upstreamCounts']) {
  const { pid, startMs, close } = await startProcess(command, () => answersAt(place));
  const connect = () => connectBench(place);
  return { startMs, connect, memoryBytes: () => memoryOf(pid), upstreamCounts, close };
}

async function startFastMcp(stage: Stage): Promise<RunningPeer> {
  const programs = await installPython('fastmcp');
  const port = await freePort();
  const script = fileURLToPath(new URL('fastmcp_proxy.py', import.meta.url));
  const { url, counts } = upstreamFor(stage, 'fastmcp');
  const command = { file: join(programs, 'python'), args: [script, url, String(port)] };
  const place = { url: `http://127.0.0.1:${port}/mcp`, prefix: '' };
  return await startAt(place, command, counts);
}

type ArgumentsOf = (port: number, server: ReturnType<typeof stdioServer>) => readonly string[];

/** A program of the packages, in front of a command. */
async function startBridge(program: string, argumentsOf: ArgumentsOf): Promise<RunningPeer> {
  const packages = await installPackages();
  const counts: StdioCounts = await openStdioCounts();
  try {
    const port = await freePort();
    const args = [join(packages, 'node_modules', program), ...argumentsOf(port, stdioServer(counts))];
    const place = { url: `http://127.0.0.1:${port}/mcp`, prefix: '' };
    const started = await startAt(place, { file: process.execPath, args }, counts.read);
    const close = async (): Promise<void> => {
      await started.close();
      await counts.close();
    };
    return { ...started, close };
  } catch (error) {
    await counts.close();
    throw error;
  }
}
