/** What Sluice is compared with others as, and what needs no other gateway: programs of the bench. */
import type { Place } from '../mcp-client.ts';
import type { GatewayData } from '../programs/gateway-data.ts';
import { startProgram, type Program } from '../programs/program.ts';
import type { Stage } from '../stage.ts';
import { PREFIX } from '../workload.ts';
import { buildProgram } from './build.ts';
import { answersAt, connectBench, connectSdk } from './clients.ts';
import type { Peer, PeerClient, RunningPeer } from './peer.ts';
import { memoryOf } from './process.ts';
import { openStdioCounts, stdioServer } from './stdio-counts.ts';
import { upstreamFor } from './upstream.ts';

/** The first one is what the others are compared with. */
export function ownPeers(stage: Stage): readonly Peer[] {
  const { dynamodb, tableName } = stage;
  const stores = { dynamodb: { endpoint: dynamodb.origin, tableName } };
  const direct = upstreamFor(stage, 'direct');
  return [
    {
      name: 'Sluice, core, memory',
      upstream: 'Streamable HTTP',
      setup: 'The core behind a plain Node server, built with the options of the function; stores in memory.',
      start: () => startCore(stage, 'core-memory'),
    },
    {
      name: 'Sluice, core, DynamoDB',
      upstream: 'Streamable HTTP',
      setup: 'The same with stores in DynamoDB (dynalite), where a session costs each call a read.',
      start: () => startCore(stage, 'core-dynamodb', stores),
    },
    {
      name: 'Sluice, local gateway',
      upstream: 'Streamable HTTP',
      setup: LOCAL_GATEWAY,
      start: () => startLocalGateway(stage, stores),
    },
    {
      name: 'no gateway',
      upstream: 'Streamable HTTP',
      setup: 'The upstream itself, called by the client that calls the gateways.',
      start: async () => running({ url: direct.url, prefix: '' }, { upstreamCounts: direct.counts }),
    },
    {
      name: 'bare Node proxy',
      upstream: 'Streamable HTTP',
      setup: 'Passes headers and bytes on over kept-alive connections, and knows nothing of MCP; built likewise.',
      start: () => startBareProxy(stage),
    },
    {
      name: 'no gateway, SDK client and server',
      upstream: 'Streamable HTTP',
      setup: "The official SDK's client at the official SDK's server (2.4.0), a session each; built likewise.",
      start: startSdkServer,
    },
    {
      name: 'gateway of SDK objects',
      upstream: 'Streamable HTTP',
      setup:
        "The official SDK's server in front, and for each client session its client behind, connected once (2.4.0); " +
        'built likewise.',
      start: () => startSdkGateway(stage),
    },
    {
      name: 'Sluice, local gateway',
      upstream: 'stdio',
      setup: `${LOCAL_GATEWAY} It hosts the command, one process for all ("isolation": "shared").`,
      start: () => startLocalGatewayOverStdio(stage, stores),
    },
  ];
}

const LOCAL_GATEWAY =
  'As npm start runs it, which emulates Lambda and is not made for speed: it builds the function when it starts, and runs ' +
  'it in environments that are frozen between calls, with DynamoDB (dynalite), whose process is not in its memory.';

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

/** As `startTimed`, of a program that is built before its time begins. */
async function startBuilt(source: URL, data: object, placeAt: (origin: string) => Place) {
  const { module, remove } = await buildProgram(source);
  try {
    return { ...(await startTimed(module, data, placeAt)), close: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

const atGateway = (origin: string): Place => ({ url: `${origin}/mcp`, prefix: `${PREFIX}__` });
const atSdk = (origin: string): Place => ({ url: `${origin}/mcp`, prefix: '' });

async function startCore(stage: Stage, caller: string, stores: Pick<GatewayData, 'dynamodb'> = {}) {
  const { url, counts } = upstreamFor(stage, caller);
  const { place, ...around } = await startBuilt(
    new URL('../programs/core.ts', import.meta.url),
    { ...dataAt(url), ...stores },
    atGateway,
  );
  return running(place, { ...around, upstreamCounts: counts });
}

function dataAt(url: string): GatewayData {
  const { origin, pathname } = new URL(url);
  return { upstream: origin, path: pathname };
}

async function startBareProxy(stage: Stage): Promise<RunningPeer> {
  const { url, counts } = upstreamFor(stage, 'proxy');
  const { origin: target, pathname } = new URL(url);
  const placeAt = (origin: string): Place => ({ url: origin + pathname, prefix: '' });
  const { place, ...around } = await startBuilt(
    new URL('../programs/reverse-proxy.ts', import.meta.url),
    { target },
    placeAt,
  );
  return running(place, { ...around, upstreamCounts: counts });
}

async function startSdkServer(): Promise<RunningPeer> {
  const { place, ...around } = await startBuilt(new URL('../programs/sdk-server.ts', import.meta.url), {}, atSdk);
  return running(place, { ...around, connect: () => connectSdk(place) });
}

async function startSdkGateway(stage: Stage): Promise<RunningPeer> {
  const { url, counts } = upstreamFor(stage, 'sdk-gateway');
  const { place, ...around } = await startBuilt(new URL('../programs/sdk-gateway.ts', import.meta.url), { url }, atSdk);
  return running(place, { ...around, upstreamCounts: counts });
}

const EMULATOR = new URL('../programs/emulator.ts', import.meta.url);

async function startLocalGateway(stage: Stage, stores: Pick<GatewayData, 'dynamodb'>): Promise<RunningPeer> {
  const { url, counts } = upstreamFor(stage, 'local-gateway');
  const { place, ...around } = await startTimed(EMULATOR, { ...dataAt(url), ...stores }, atGateway);
  return running(place, { ...around, upstreamCounts: counts });
}

async function startLocalGatewayOverStdio(
  { upstream }: Stage,
  stores: Pick<GatewayData, 'dynamodb'>,
): Promise<RunningPeer> {
  const counts = await openStdioCounts();
  try {
    const data: GatewayData = { upstream: upstream.origin, ...stores, stdio: stdioServer(counts) };
    const { place, ...around } = await startTimed(EMULATOR, data, atGateway);
    return running(place, { ...around, upstreamCounts: counts.read, close: counts.close });
  } catch (error) {
    await counts.close();
    throw error;
  }
}
