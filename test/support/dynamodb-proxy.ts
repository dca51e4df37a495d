import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';

export interface DynamodbProxy {
  readonly endpoint: string;
  /** Names of the requests that came in, such as `PutItem`, in order. */
  readonly received: readonly string[];
  /** The next request is carried out, and its answer lost: the connection breaks instead. */
  loseNextAnswer(): void;
  /** The next request is answered with this status and exception, and not carried out. */
  refuseNext(status: number, exception: string): void;
  /** From now on every answer comes so much later, in milliseconds. */
  slowDown(ms: number): void;
  close(): Promise<void>;
}

/**
 * Stands between the stores and dynalite, and answers a refused condition as DynamoDB does: with the record that is in
 * place, where it was asked for. The record is read after the refusal, while DynamoDB does both at once.
 */
export async function startDynamodbProxy(target: string): Promise<DynamodbProxy> {
  const received: string[] = [];
  let lose = false;
  let slowerMs = 0;
  let refusal: { status: number; exception: string } | undefined;

  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      received.push(operationOf(request));
      if (slowerMs > 0) await setTimeout(slowerMs);
      if (refusal !== undefined) {
        const { status, exception } = refusal;
        refusal = undefined;
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${exception}`, message: body }));
        return;
      }
      const answer = await forward(target, request, body);
      if (lose) {
        lose = false;
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(answer.body);
    })().catch((error: unknown) => request.socket.destroy(error as Error));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    received,
    loseNextAnswer: () => {
      lose = true;
    },
    refuseNext: (status, exception) => {
      refusal = { status, exception };
    },
    slowDown: (ms) => {
      slowerMs = ms;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Refused {
  readonly __type?: string;
}

interface ConditionalWrite {
  readonly TableName: string;
  readonly Key?: unknown;
  readonly Item?: Record<string, unknown>;
  readonly ReturnValuesOnConditionCheckFailure?: string;
}

async function forward(target: string, request: IncomingMessage, body: string): Promise<Answer> {
  const answer = await ask(target, request, operationOf(request), body);
  const refused = JSON.parse(answer.body) as Refused;
  const write = JSON.parse(body) as ConditionalWrite;
  const wantsRecord = write.ReturnValuesOnConditionCheckFailure === 'ALL_OLD';
  if (!refused.__type?.endsWith('#ConditionalCheckFailedException') || !wantsRecord) return answer;
  const key = write.Key ?? { pk: write.Item?.['pk'], sk: write.Item?.['sk'] };
  const read = { TableName: write.TableName, Key: key, ConsistentRead: true };
  const found = await ask(target, request, 'GetItem', JSON.stringify(read));
  return { status: answer.status, body: JSON.stringify({ ...refused, ...(JSON.parse(found.body) as object) }) };
}

async function ask(target: string, request: IncomingMessage, operation: string, body: string): Promise<Answer> {
  const response = await fetch(target, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      authorization: request.headers.authorization ?? '',
      'x-amz-date': String(request.headers['x-amz-date']),
    },
    body,
  });
  return { status: response.status, body: await response.text() };
}

function operationOf(request: IncomingMessage): string {
  return String(request.headers['x-amz-target']).split('.')[1] ?? '';
}
