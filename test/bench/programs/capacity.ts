import { Readable } from 'node:stream';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { PARTITION_KEY, SORT_KEY } from '../../../lib/adapters/dynamodb/table.ts';
import { itemBytes, type Item } from '../item-bytes.ts';

/** What the requests to a DynamoDB have consumed, all since it started: write units of 1 KB, read units of 4 KB. */
export type Capacity = {
  writeUnits: number;
  readUnits: number;
};

interface Consumed {
  readonly CapacityUnits: number;
}

interface Answer {
  readonly __type?: string;
  /** A list in the answer to a request for several records. */
  readonly ConsumedCapacity?: Consumed | readonly Consumed[];
  readonly Item?: Item;
}

interface Asked {
  readonly TableName?: string;
  readonly ConsistentRead?: boolean;
  readonly Key?: Item;
  readonly Item?: Item;
}

const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem']);
const READS = new Set(['GetItem', 'BatchGetItem', 'Query']);

/** About tables and not about what is in them: these consume no units. */
const FREE = new Set(['CreateTable', 'DescribeTable', 'ListTables', 'UpdateTimeToLive', 'DescribeTimeToLive']);

/** What has been consumed so far, and how to know that nothing is missing in it. */
interface CapacityCount {
  readonly counts: Capacity;
  /** Resolves once all that has been answered by now is counted. */
  counted(): Promise<void>;
}

/**
 * Has dynalite say with each answer what the request consumed (`ReturnConsumedCapacity`), and adds it up. A write that is
 * refused by its condition says nothing, and is billed like a write of what is in place: that is looked up. Writes to the
 * index are not in what dynalite says. An operation that this cannot count is refused, lest it be free.
 */
export function countCapacity(server: Server): CapacityCount {
  const counts: Capacity = { writeUnits: 0, readUnits: 0 };
  const [serve] = server.listeners('request') as [RequestListener];
  const underway = new Set<Promise<void>>();
  const ask = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    const body = await text(request);
    const isCounted = WRITES.has(operation) || READS.has(operation);
    if (!isCounted && !FREE.has(operation)) return refuse(operation, response);
    if (!isCounted || request.headers[UNCOUNTED_HEADER] !== undefined) return serve(withBody(request, body), response);
    const asked = JSON.parse(body) as Asked;
    const answer = answered(response);
    serve(withBody(request, JSON.stringify({ ...asked, ReturnConsumedCapacity: 'TOTAL' })), response);
    const said = await answer;
    if (READS.has(operation))
      counts.readUnits += Math.max(unitsOf(said), operation === 'Query' ? leastUnits(asked) : 0);
    else if (isRefused(said)) counts.writeUnits += unitsInPlace(await bytesInPlace(server, request, asked));
    else counts.writeUnits += unitsOf(said);
  };
  server.removeListener('request', serve);
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const asking = ask(request, response).catch((error: unknown) => {
      console.error(error);
      response.destroy();
    });
    underway.add(asking);
    void asking.then(() => underway.delete(asking));
  });
  const counted = async (): Promise<void> => void (await Promise.all(underway));
  return { counts, counted };
}

function isRefused({ __type: type }: Answer): boolean {
  return type?.endsWith('ConditionalCheckFailedException') === true;
}

function unitsInPlace(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 1024));
}

function unitsOf({ ConsumedCapacity: consumed = [] }: Answer): number {
  const parts: readonly Consumed[] = Array.isArray(consumed) ? consumed : [consumed as Consumed];
  return parts.reduce((units, { CapacityUnits }) => units + CapacityUnits, 0);
}

/** A query that finds nothing is billed like one that finds little; dynalite lets it go, unlike other reads. */
function leastUnits({ ConsistentRead = false }: Asked): number {
  return ConsistentRead ? 1 : 0.5;
}

function refuse(operation: string, response: ServerResponse): void {
  const message = `The bench does not know what ${operation} costs`;
  console.error(message);
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type: 'com.amazon.coral.validate#ValidationException', message }));
}

/** The same request with another body. */
function withBody({ method, url, headers }: IncomingMessage, body: string): IncomingMessage {
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  const request = Object.assign(Readable.from([Buffer.from(body)]), {
    method,
    url,
    headers: { ...headers, ...length },
  });
  return request as unknown as IncomingMessage;
}

/** What the response says, once it is complete; it says it in one piece. */
function answered(response: ServerResponse): Promise<Answer> {
  return new Promise((resolve) => {
    const end = response.end.bind(response) as (body: string) => ServerResponse;
    response.end = (body: unknown) => {
      resolve(JSON.parse(String(body)) as Answer);
      return end(String(body));
    };
  });
}

/** Of the record that a refused write was about; 0 when there is none. Asked past the counting. */
async function bytesInPlace(server: Server, { headers }: IncomingMessage, asked: Asked): Promise<number> {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('DynamoDB does not listen');
  const { TableName, Key, Item } = asked;
  const key =
    Key ?? Object.fromEntries([PARTITION_KEY, SORT_KEY].flatMap((name) => (Item?.[name] ? [[name, Item[name]]] : [])));
  const response = await fetch(`http://127.0.0.1:${address.port}/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.GetItem',
      'x-amz-date': String(headers['x-amz-date']),
      authorization: String(headers.authorization),
      [UNCOUNTED_HEADER]: 'true',
    },
    body: JSON.stringify({ TableName, Key: key, ConsistentRead: true }),
  });
  const { Item: found } = (await response.json()) as Answer;
  return found === undefined ? 0 : itemBytes(found);
}

const UNCOUNTED_HEADER = 'x-bench-uncounted';
