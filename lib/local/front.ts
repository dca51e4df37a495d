import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorText, JSON_RPC } from '../protocol/message.ts';

/** Pages that were themselves served from this machine, on any port; in the form of the configuration's `origins`. */
export const LOCAL_ORIGINS: readonly string[] = ['http://localhost:*', 'http://127.0.0.1:*', 'http://[::1]:*'];

/** The names of this machine, with any port: what is listened on may be reached through a forwarded one. */
const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

export interface Front {
  /** Without a path. */
  readonly origin: string;
  /** Begins to serve. Requests that came before have waited. */
  serve(handle: RequestListener): void;
  /** Closes every connection, whatever is under way on it. */
  close(): void;
}

/**
 * The HTTP server of the local gateway, on 127.0.0.1; port 0 picks a free one. A page that had its own name resolved to
 * this machine (DNS rebinding) is known by its `Host` and gets 403; pages that come under their own name are known by
 * their `Origin`, which the gateway itself checks. Rejects with the system's error when the port cannot be had.
 */
export async function openFront(port: number): Promise<Front> {
  const handler = Promise.withResolvers<RequestListener>();
  const server = createServer((request, response) => {
    if (!LOCAL_HOST.test(request.headers.host ?? '')) return forbid(request, response);
    void handler.promise.then((handle) => handle(request, response));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve: handler.resolve,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function forbid(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(403, { 'content-type': 'application/json' });
  const message = 'The local gateway answers to the names of localhost only';
  response.end(errorText(undefined, { code: JSON_RPC.invalidRequest, message }));
}
