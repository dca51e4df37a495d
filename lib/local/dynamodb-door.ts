/**
 * What stands before dynalite, which by itself serves everybody, and tells every web page that it may read the answers.
 * Pages are known by their `Origin` or, where their own name resolves to this machine, by their `Host`; other users'
 * programs do not know the path, which cannot be guessed.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The server then serves requests below `path` only (`/` and a segment), and answers 403 to all others. */
export function putDoorBefore(server: Server, path: string): void {
  const serve = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    if (!isInvited(request, addressOf(server), path)) return refuse(request, response);
    for (const listener of serve) listener(request, response);
    // dynalite throws when a client goes away in the middle of a request, as environments that are ended do.
    request.removeAllListeners('error');
    request.on('error', () => undefined);
  });
}

/** Host and port that it listens on. */
export function addressOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo | null)?.port}`;
}

function isInvited({ headers, method, url = '' }: IncomingMessage, address: string, path: string): boolean {
  const isBelow = url === path || url.startsWith(`${path}/`) || url.startsWith(`${path}?`);
  return headers.host === address && headers.origin === undefined && method !== 'OPTIONS' && isBelow;
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.on('error', () => undefined);
  request.resume();
  response.writeHead(403, { 'content-type': 'text/plain', connection: 'close' });
  response.end('This is for the local gateway only\n');
}
