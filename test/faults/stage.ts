/**
 * A gateway whose environments stand still at every fault point (`fault-points.ts`), and a look into its table. A run is
 * one request whose points count; its environment is ended at one of them, or at none.
 */
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { fileURLToPath } from 'node:url';
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { clientAddress } from '../../lib/adapters/dynamodb/sdk.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { startDynamoDb, TABLE_NAME } from '../../lib/local/dynamodb.ts';
import type { Stores } from '../../lib/ports/stores.ts';
import { parseJson } from '../../lib/protocol/message.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { openGate } from '../support/signal-box.ts';
import type { Signal } from '../support/signals.ts';
import type { Headers, WireResponse } from '../support/wire.ts';
import { closeCleanly } from './clean-end.ts';
import { RUN_HEADER, SETTLED } from './fault-points.ts';

/** A run that takes longer than this hangs, in milliseconds. */
const PATIENCE_MS = 10_000;

const ENTRY = fileURLToPath(new URL('mcp-with-fault-points.ts', import.meta.url));

/** How a request ended for its client. */
export type Outcome =
  | { readonly kind: 'answered'; readonly response: WireResponse }
  /** The platform answered in the function's place, with 502. */
  | { readonly kind: 'failed' }
  /** The connection ended before the answer did. */
  | { readonly kind: 'broken' };

export interface Run {
  /** Those that were reached, in order; the last one is where the environment was ended. */
  readonly points: readonly string[];
  readonly killed: boolean;
  readonly outcome: Outcome;
  /** How long the client waited for the end of its request after that of the environment, in milliseconds. */
  readonly waitedMs: number;
}

export interface RunOptions {
  /** Where the environment is ended; nowhere when left out. */
  readonly killAt?: string | undefined;
  /** What happens while the environment stands at a point, before it goes on or is ended. */
  readonly meanwhile?: Readonly<Record<string, () => Promise<unknown>>> | undefined;
}

export interface Stage {
  readonly gateway: TestGateway;
  readonly records: Records;
  /** Sends a request; it has to carry the headers that `send` is given. Resolves once its environment is done with it. */
  run(send: (mark: Headers) => Promise<WireResponse>, options?: RunOptions): Promise<Run>;
  /** Rejects if the gateway was in trouble. */
  close(): Promise<void>;
}

interface Running extends RunOptions {
  readonly points: string[];
  /** When the environment was ended. */
  killedAt: number | undefined;
  readonly over: PromiseWithResolvers<void>;
}

export async function startStage(config: object): Promise<Stage> {
  const database = await startDynamoDb();
  const runs = new Map<unknown, Running>();
  const gateway = await startTestGateway(config, {
    entry: ENTRY,
    dynamodbEndpoint: database.endpoint,
    onMessage: (environment, message) => void onPoint(environment, message as Signal),
  });

  async function onPoint(environment: string, signal: Signal): Promise<void> {
    const run = runs.get(signal.value);
    if (run === undefined) throw new Error(`No run has the point ${signal.name}`);
    run.points.push(signal.name);
    try {
      await run.meanwhile?.[signal.name]?.();
      if (signal.name === run.killAt) {
        run.killedAt = performance.now();
        await gateway.emulator.kill(environment);
        run.over.resolve();
        return;
      }
      openGate(signal);
      if (signal.name === SETTLED) run.over.resolve();
    } catch (error) {
      run.over.reject(error);
    }
  }

  let lastRun = 0;
  return {
    gateway,
    records: openTable(database.endpoint),
    async run(send, options = {}) {
      const id = String((lastRun += 1));
      const run: Running = { ...options, points: [], killedAt: undefined, over: Promise.withResolvers() };
      runs.set(id, run);
      const work = Promise.all([timedOutcome(send({ [RUN_HEADER]: id })), run.over.promise]);
      const [{ outcome, at }] = await inTime(work, () => `after ${run.points.join(', ')}`);
      runs.delete(id);
      const { points, killedAt } = run;
      return { points, killed: killedAt !== undefined, outcome, waitedMs: Math.max(0, at - (killedAt ?? at)) };
    },
    async close() {
      await closeCleanly(gateway);
      await database.close();
    },
  };
}

async function timedOutcome(response: Promise<WireResponse>): Promise<{ outcome: Outcome; at: number }> {
  const outcome = await outcomeOf(response);
  return { outcome, at: performance.now() };
}

async function outcomeOf(response: Promise<WireResponse>): Promise<Outcome> {
  try {
    const received = await response;
    const { status, messages } = received;
    return status === 502 && messages.length === 0 ? { kind: 'failed' } : { kind: 'answered', response: received };
  } catch (error) {
    if (!/ECONNRESET|hang up|aborted/.test(String(error))) throw error;
    return { kind: 'broken' };
  }
}

async function inTime<T>(work: Promise<T>, where: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Nothing for ${PATIENCE_MS} ms ${where()}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// ------------------------------------------------------------------------------------------------------- the table

/** The gateway's records, as the environments themselves would read them. */
export interface Records {
  readonly stores: Stores;
  readonly database: DynamoDBClient;
  /**
   * What is wrong with the records that were written since the last call, and how many of each kind they are. A record
   * is in order if a store can read it whole, and if it ends by itself.
   */
  inspect(): Promise<{ readonly faults: readonly string[]; readonly kinds: readonly string[] }>;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** An invocation and ten minutes. */
const STREAM_MS = (15 + 10) * 60 * 1000;

/** What has to be true of the records of one kind (`docs/storage-schema.md`). */
interface Kind {
  /** The longest that one lives. */
  readonly lifeMs: number;
  /** How much later than it expires DynamoDB may delete it. */
  readonly graceMs: number;
  /** Reads it as an environment would. Rejects when it is not whole. */
  readonly read: () => Promise<unknown>;
}

type Item = Readonly<Record<string, { readonly S?: string; readonly N?: string }>>;

function openTable(endpoint: string): Records {
  const database = new DynamoDBClient(clientAddress({ endpoint }));
  const openStores = createDynamoStores({ client: createDynamoClient({ endpoint }), tableName: TABLE_NAME });
  const stores = openStores({ requests: 0 });
  const seen = new Set<string>();
  return {
    stores,
    database,
    async inspect() {
      const faults: string[] = [];
      const kinds: string[] = [];
      for (const item of await scan(database)) {
        const text = JSON.stringify(item);
        if (seen.has(text)) continue;
        seen.add(text);
        const { kind, fault } = await inspectItem(item, stores);
        kinds.push(kind);
        if (fault !== undefined) faults.push(`${kind}: ${fault}`);
      }
      return { faults, kinds };
    },
  };
}

async function scan(database: DynamoDBClient): Promise<Item[]> {
  const items: Item[] = [];
  let start: Record<string, never> | undefined;
  do {
    const page = await database.send(
      new ScanCommand({ TableName: TABLE_NAME, ConsistentRead: true, ExclusiveStartKey: start }),
    );
    items.push(...((page.Items ?? []) as Item[]));
    start = page.LastEvaluatedKey as typeof start;
  } while (start !== undefined);
  return items;
}

async function inspectItem(item: Item, stores: Stores): Promise<{ kind: string; fault: string | undefined }> {
  const [place = '', owner = ''] = (item['pk']?.S ?? '').split('#');
  const [word = '', about = ''] = (item['sk']?.S ?? '').split('#');
  const kind = WORDS_OF[place]?.[word] ?? word;
  const rules = kindsOf(item, owner, about, stores)[kind];
  const lifeMs = Number(item['expiresAt']?.N) - Date.now();
  const ttlMs = Number(item['ttl']?.N) * 1000 - Date.now() - (rules?.graceMs ?? 0);
  if (rules === undefined) return { kind, fault: 'is of a kind that this test does not know' };
  if (!(lifeMs > 0 && lifeMs <= rules.lifeMs)) return { kind, fault: `expires in ${lifeMs} ms` };
  if (!(ttlMs > lifeMs - 1000 && ttlMs < lifeMs + 2000)) return { kind, fault: `is deleted in ${ttlMs} ms` };
  // One that its owner has removed in the meantime is read as nothing, and is in nobody's way.
  return { kind, fault: await rules.read().then(() => undefined, String) };
}

function kindsOf(item: Item, owner: string, about: string, stores: Stores): Readonly<Record<string, Kind>> {
  return {
    session: { lifeMs: DAY_MS, graceMs: DAY_MS, read: () => stores.clientSessions.read(owner) },
    'shared session': { lifeMs: DAY_MS, graceMs: DAY_MS, read: () => stores.upstreamSessions.read(owner) },
    cancellation: { lifeMs: DAY_MS, graceMs: 0, read: () => stores.mailbox.peekCancellation(owner, about) },
    listening: { lifeMs: DAY_MS, graceMs: 0, read: () => stores.listening.read(owner) },
    eras: { lifeMs: DAY_MS, graceMs: 0, read: () => stores.upstreamEras.read(owner) },
    breaker: { lifeMs: DAY_MS, graceMs: 0, read: () => stores.breakers.read(owner, Date.now()) },
    // Nothing reads it but a claim, which changes it.
    slots: { lifeMs: 2 * DAY_MS, graceMs: 0, read: async () => undefined },
    // One that is in progress is forgotten a day after its deadline.
    call: { lifeMs: DAY_MS + 15 * 60 * 1000, graceMs: 0, read: () => stores.idempotency.read(owner, Date.now()) },
    head: { lifeMs: DAY_MS, graceMs: 0, read: () => readLists(owner, item['version']?.S, stores) },
    // It means nothing without its head, which is written after it.
    stream: { lifeMs: STREAM_MS, graceMs: 0, read: () => stores.streams.read(owner, 0, Date.now()) },
    events: { lifeMs: STREAM_MS, graceMs: 0, read: () => stores.streams.read(owner, Number(about), Date.now()) },
    'part of events': { lifeMs: STREAM_MS, graceMs: 0, read: async () => undefined },
    part: { lifeMs: 2 * DAY_MS, graceMs: 0, read: async () => undefined },
  };
}

/** Kinds whose sort key says too little. */
const WORDS_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'upstream-session': { session: 'shared session' },
  stream: { head: 'stream', part: 'part of events' },
};

/** A head that is in place has the whole of its text. */
async function readLists(upstream: string, version: string | undefined, { catalog }: Stores): Promise<void> {
  const heads = (await catalog.headsOf(upstream)).filter(({ head }) => head.version === version);
  const texts = await catalog.texts(heads);
  for (const text of texts) if (text === undefined || parseJson(text) === undefined) throw new Error('has no text');
}
