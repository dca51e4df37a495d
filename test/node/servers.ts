import type { RequestListener } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { onTestFinished } from 'vitest';

export interface TestServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>/mcp`. */
  readonly url: string;
  /** Every connection accepted so far. */
  readonly sockets: readonly Socket[];
  /** Resolves with the connection of this number, from 1, once there is one. */
  accepted(number: number): Promise<Socket>;
}

/** An HTTP server for one test, which never closes an idle connection by itself. */
export async function serveHttp(listener: RequestListener): Promise<TestServer> {
  const server = createHttpServer(listener);
  server.keepAliveTimeout = 0;
  return await listen(server);
}

/** A TCP server for one test. */
export async function serveTcp(onSocket: (socket: Socket) => void): Promise<TestServer> {
  return await listen(createNetServer(onSocket));
}

export async function listen(server: Server): Promise<TestServer> {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.push(socket);
    // A peer that resets is part of many tests.
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/mcp`,
    sockets,
    async accepted(number) {
      while (sockets.length < number) await once(server, 'connection');
      return sockets[number - 1] as Socket;
    },
  };
}

/** Resolves when a connection has closed, in whatever way. */
export async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** Takes steps until the count has stood still for a hundred of them, or has reached its end. */
export async function untilStill(count: () => number, end: number, step: () => Promise<unknown>): Promise<void> {
  let last = -1;
  for (let still = 0; still < 100 && count() < end; still = count() === last ? still + 1 : 0) {
    last = count();
    await step();
  }
}

/** A port on which nothing listens any more. */
export async function closedPort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
