import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** What this process has sent, in bytes, as TCP carries it: headers included, encryption not. */
export interface Traffic {
  toClients(): number;
  /** To whatever listens on that port of 127.0.0.1. */
  toPort(port: number): number;
}

interface Message {
  readonly socket: Socket;
}

/** Counts from now on, over all connections that come about. */
export function countTraffic(): Traffic {
  const accepted: Socket[] = [];
  const opened = new Map<number, Socket[]>();
  subscribe('net.server.socket', (message) => accepted.push((message as Message).socket));
  subscribe('net.client.socket', (message) => {
    const { socket } = message as Message;
    // The port is forgotten when the connection is closed.
    socket.once('connect', () => {
      const port = socket.remotePort ?? 0;
      opened.set(port, [...(opened.get(port) ?? []), socket]);
    });
  });
  return {
    toClients: () => sum(accepted),
    toPort: (port) => sum(opened.get(port) ?? []),
  };
}

function sum(sockets: readonly Socket[]): number {
  return sockets.reduce((bytes, { bytesWritten }) => bytes + bytesWritten, 0);
}
