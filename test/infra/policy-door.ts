/** A door to dynalite that lets nothing through but what a role of the stack allows, as AWS does. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Grant } from './grants.ts';

export interface PolicyDoor {
  readonly endpoint: string;
  /** What was let through so far, once each. */
  readonly used: ReadonlySet<string>;
  /** What was refused so far. */
  readonly refused: string[];
  close(): Promise<void>;
}

/** The grants are on the table, whatever its name is, and on its indexes. */
export async function openPolicyDoor(target: string, grants: readonly Grant[]): Promise<PolicyDoor> {
  const allowed = new Set(grants.map(({ action, resource }) => nameOf(action, indexOf(resource))));
  const used = new Set<string>();
  const refused: string[] = [];

  const answerTo = async (request: IncomingMessage): Promise<{ status: number; body: string }> => {
    const body = await text(request);
    const { IndexName } = JSON.parse(body) as { readonly IndexName?: string };
    const asked = nameOf(`dynamodb:${operationOf(request)}`, IndexName);
    if (!allowed.has(asked)) {
      refused.push(asked);
      const denial = { __type: 'com.amazon.coral.service#AccessDeniedException', Message: `No policy allows ${asked}` };
      return { status: 400, body: JSON.stringify(denial) };
    }
    used.add(asked);
    const response = await fetch(target, { method: 'POST', headers: headersOf(request), body });
    return { status: response.status, body: await response.text() };
  };

  const server = createServer((request, response) => {
    answerTo(request).then(
      ({ status, body }) => response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body),
      (error: unknown) => request.socket.destroy(error as Error),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    used,
    refused,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** `dynamodb:Query`, `dynamodb:Query on expiry`. */
function nameOf(action: string, index: string | undefined): string {
  return index === undefined ? action : `${action} on ${index}`;
}

function indexOf(resource: string): string | undefined {
  return /\/index\/(.+)$/.exec(resource)?.[1];
}

function operationOf(request: IncomingMessage): string {
  return String(request.headers['x-amz-target']).split('.')[1] ?? '';
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const passed = ['content-type', 'x-amz-target', 'authorization', 'x-amz-date'];
  return Object.fromEntries(passed.map((name) => [name, String(headers[name] ?? '')]));
}
