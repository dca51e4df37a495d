/** What Sluice is compared with others as, and what needs no other gateway: programs of the bench. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Place } from '../mcp-client.ts';
import type { GatewayData } from '../programs/gateway-data.ts';
import { startProgram, type Program } from '../programs/program.ts';
import type { Stage } from '../stage.ts';
import { PREFIX } from '../workload.ts';
import { answersAt, connectBench, connectSdk } from './clients.ts';
import type { Peer, PeerClient, RunningPeer } from './peer.ts';
import { memoryOf } from './process.ts';
import { openStdioCounts, stdioServer } from './stdio-counts.ts';

/** Where every gateway finds the upstream over Streamable HTTP, which lists what can be called there. */
export function upstreamUrl({ upstream }: Stage): string {
  return `${upstream.origin}/both/few`;
}

/** The first one is what the others are compared with. */
export function ownPeers(stage: Stage): readonly Peer[] {
  const { upstream, dynamodb, tableName } = stage;
  const inMemory: GatewayData = { upstream: upstream.origin };
  const inDynamoDb = { ...inMemory, dynamodb: { endpoint: dynamodb.origin, tableName } };
  const upstreamCounts = () => upstream.counts();
  return [
    {
      name: 'Sluice, core, memory',
      upstream: 'Streamable HTTP',
      setup: 'The core behind a plain Node server, built as the function is; stores in memory.',
      start: () => startCore(inMemory, upstreamCounts),
    },
    {
      name: 'Sluice, core, DynamoDB',
      upstream: 'Streamable HTTP',
      setup: 'The same with stores in DynamoDB (dynalite), where a session costs each call a read.',
      start: () => startCore(inDynamoDb, upstreamCounts),
    },
    {
      name: 'no gateway',
      upstream: 'Streamable HTTP',
      setup: 'The upstream itself, called by the client that calls the gateways.',
      start: async () => running({ url: upstreamUrl(stage), prefix: '' }, { upstreamCounts }),
    },
    {
      name: 'bare Node proxy',
      upstream: 'Streamable HTTP',
      setup: 'Passes headers and bytes on over kept-alive connections, and knows nothing of MCP.',
      start: () => startBareProxy(stage),
    },
    {
      name: 'no gateway, SDK client and server',
      upstream: 'Streamable HTTP',
      setup: "The official SDK's client at the official SDK's server (2.4.0), a session each.",
      start: startSdkServer,
    },
    {
      name: 'gateway of SDK objects',
      upstream: 'Streamable HTTP',
      setup:
        "The official SDK's server in front, and for each client session its client behind, connected once (2.4.0).",
      start: () => startSdkGateway(stage),
    },
    {
      name: 'Sluice, local gateway',
      upstream: 'stdio',
      setup:
        'As npm start runs it, which emulates Lambda and is not made for speed: it builds the function when it starts, ' +
        'runs it in environments that are frozen between calls, with DynamoDB (dynalite), and hosts the command, one ' +
        'process for all ("isolation": "shared").',
      start: () => startLocalGateway(inDynamoDb),
    },
  ];
}

interface Around {
  readonly connect?: () => Promise<PeerClient>;
  readonly upstreamCounts?: RunningPeer['upstreamCounts'];
  readonly program?: Program;
  readonly startMs?: number;
  readonly close?: () => Promise<void>;
}

function running(place: Place, around: Around): RunningPeer {
  const { program, startMs, connect = () => connectBench(place), close = async () => undefined } = around;
  const { upstreamCounts = async () => undefined } = around;
  return {
    startMs,
    connect,
    memoryBytes: async () => (program === undefined ? undefined : await memoryOf(program.pid)),
    upstreamCounts,
    close: async () => {
      await program?.close();
      await close();
    },
  };
}

/** Starts a program, and says how long it took until a first call was answered. */
async function startTimed(module: URL, data: object, placeAt: (origin: string) => Place) {
  const began = performance.now();
  const program = await startProgram(module, data);
  const place = placeAt(program.origin);
  try {
    await answersAt(place);
    return { program, place, startMs: performance.now() - began };
  } catch (error) {
    await program.close();
    throw error;
  }
}

async function startCore(data: GatewayData, upstreamCounts: RunningPeer['upstreamCounts']): Promise<RunningPeer> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-core-'));
  const close = () => rm(folder, { recursive: true, force: true });
  try {
    const module = await buildCore(folder);
    const placeAt = (origin: string): Place => ({ url: `${origin}/mcp`, prefix: `${PREFIX}__` });
    const { program, place, startMs } = await startTimed(module, data, placeAt);
    return running(place, { program, startMs, upstreamCounts, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/** Plain JavaScript, minified, with what is loaded lazily in files of its own, as the function is built. */
async function buildCore(folder: string): Promise<URL> {
  await build({
    entryPoints: [fileURLToPath(new URL('../programs/core.ts', import.meta.url))],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    logLevel: 'silent',
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
  return pathToFileURL(join(folder, 'core.mjs'));
}

async function startBareProxy(stage: Stage): Promise<RunningPeer> {
  const module = new URL('../programs/reverse-proxy.ts', import.meta.url);
  const placeAt = (origin: string): Place => ({ url: origin + new URL(upstreamUrl(stage)).pathname, prefix: '' });
  const { program, place, startMs } = await startTimed(module, { target: stage.upstream.origin }, placeAt);
  return running(place, { program, startMs, upstreamCounts: () => stage.upstream.counts() });
}

async function startSdkServer(): Promise<RunningPeer> {
  const module = new URL('../programs/sdk-server.ts', import.meta.url);
  const placeAt = (origin: string): Place => ({ url: `${origin}/mcp`, prefix: '' });
  const { program, place, startMs } = await startTimed(module, {}, placeAt);
  return running(place, { program, startMs, connect: () => connectSdk(place) });
}

async function startSdkGateway(stage: Stage): Promise<RunningPeer> {
  const module = new URL('../programs/sdk-gateway.ts', import.meta.url);
  const placeAt = (origin: string): Place => ({ url: `${origin}/mcp`, prefix: '' });
  const { program, place, startMs } = await startTimed(module, { url: upstreamUrl(stage) }, placeAt);
  return running(place, { program, startMs, upstreamCounts: () => stage.upstream.counts() });
}

async function startLocalGateway(data: GatewayData): Promise<RunningPeer> {
  const counts = await openStdioCounts();
  try {
    const module = new URL('../programs/emulator.ts', import.meta.url);
    const placeAt = (origin: string): Place => ({ url: `${origin}/mcp`, prefix: `${PREFIX}__` });
    const given = { ...data, stdio: stdioServer(counts) };
    const { program, place, startMs } = await startTimed(module, given, placeAt);
    return running(place, { program, startMs, upstreamCounts: counts.read, close: counts.close });
  } catch (error) {
    await counts.close();
    throw error;
  }
}
