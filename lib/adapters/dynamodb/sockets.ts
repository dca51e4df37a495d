import type { Agent } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * How long an idle connection may be used again, in milliseconds of wall clock. An environment is frozen between
 * invocations and its timers with it, so a connection can be long dead without anybody having noticed.
 */
const REUSABLE_MS = 4000;

export interface Sockets {
  readonly agent: Agent;
  /** Closes every idle connection that has been idle for too long at `now`, milliseconds since the epoch. */
  dropStale(now: number): void;
}

/** A pool of kept-alive connections. */
export function createSockets(scheme: 'http' | 'https'): Sockets {
  const { Agent } = scheme === 'http' ? process.getBuiltinModule('node:http') : process.getBuiltinModule('node:https');
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const idleSince = new WeakMap<Duplex, number>();
  const keepSocketAlive = agent.keepSocketAlive.bind(agent);
  agent.keepSocketAlive = (socket) => {
    idleSince.set(socket, Date.now());
    return keepSocketAlive(socket);
  };
  const dropStale = (now: number) => {
    for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
      const idleMs = now - (idleSince.get(socket) ?? 0);
      // Negative when the wall clock was set back: nothing is known then.
      if (idleMs < 0 || idleMs > REUSABLE_MS) socket.destroy();
    }
  };
  return { agent, dropStale };
}
