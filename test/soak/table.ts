/** What the table holds in the end: nothing but what ends by itself, and the few records that are to stay. */
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { clientAddress } from '../../lib/adapters/dynamodb/sdk.ts';
import { TABLE_NAME } from '../../lib/local/dynamodb.ts';

const DAY_SECONDS = 24 * 60 * 60;

/** How long a stream is kept for those who come back to it. */
const STREAM_SECONDS = 10 * 60;

/** Deadlines of calls, and what is rounded up. */
const SLACK_SECONDS = 120;

/** The last time to live of each kind of record that there is (`docs/storage-schema.md`), in seconds from now. */
const LONGEST: Readonly<Record<string, number>> = {
  session: 2 * DAY_SECONDS,
  cancellation: DAY_SECONDS,
  listening: DAY_SECONDS,
  eras: DAY_SECONDS,
  breaker: DAY_SECONDS,
  slots: 2 * DAY_SECONDS,
  call: DAY_SECONDS,
  head: DAY_SECONDS,
  part: 2 * DAY_SECONDS,
  events: STREAM_SECONDS,
};

/** Counters and pins have no end; there are as many of them as there are upstreams. */
const LASTING: ReadonlySet<string> = new Set(['changes', 'pins']);

export interface TableReport {
  /** How many records of each kind there are. */
  readonly kinds: ReadonlyMap<string, number>;
  /** What is wrong, each thing once. */
  readonly faults: readonly string[];
}

type Item = Readonly<Record<string, { readonly S?: string; readonly N?: string }>>;

export async function inspectTable(endpoint: string): Promise<TableReport> {
  const database = new DynamoDBClient(clientAddress({ endpoint }));
  const kinds = new Map<string, number>();
  const faults = new Set<string>();
  let start: Record<string, never> | undefined;
  do {
    const page = await database.send(new ScanCommand({ TableName: TABLE_NAME, ExclusiveStartKey: start }));
    for (const item of (page.Items ?? []) as Item[]) {
      const kind = (item['sk']?.S ?? '').split('#')[0] ?? '';
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const fault = faultOf(kind, item['ttl']?.N);
      if (fault !== undefined) faults.add(`${kind}: ${fault}`);
    }
    start = page.LastEvaluatedKey as typeof start;
  } while (start !== undefined);
  database.destroy();
  return { kinds, faults: [...faults] };
}

function faultOf(kind: string, ttl: string | undefined): string | undefined {
  if (LASTING.has(kind)) return ttl === undefined ? undefined : 'has an end, and is to stay';
  const longest = LONGEST[kind];
  if (longest === undefined) return 'is of a kind that nobody knows';
  if (ttl === undefined) return 'has no end';
  return Number(ttl) - Date.now() / 1000 > longest + SLACK_SECONDS ? 'ends too late' : undefined;
}
