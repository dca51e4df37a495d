import type { Agent, IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Kept-alive connections to one origin.
 *
 * An environment is frozen between invocations, and its timers and its view of the network with it: a connection that
 * waits in the pool can be long dead without anybody having noticed. So the pool goes by the wall clock, and looks at
 * the network before it lends a connection.
 */
export interface SocketPool {
  /** Emitted by a new connection once it can carry a request. */
  readonly connectedEvent: 'connect' | 'secureConnect';
  isConnected(socket: Duplex): boolean;
  /** Keeps the time limit that the server announced in `Keep-Alive` for the connection that brought it. */
  noteHint(socket: Duplex, headers: IncomingHttpHeaders): void;
  /**
   * Calls `start` as soon as every idle connection is known to be usable. `start` must send its request through the
   * agent before it returns, so that nothing can happen to the connections in between.
   */
  lend<T>(start: (agent: Agent) => Promise<T>): Promise<T>;
}

export interface SocketPoolOptions {
  /** Most connections at a time; requests beyond that wait for one. */
  readonly maxSockets: number;
  /** How long an idle connection may be used again, in milliseconds of wall clock. */
  readonly idleMs: number;
  /** Wall clock, milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * How long one of several addresses of a host may take before the next one is tried, in milliseconds. Node's own 250
 * would give up a distant IPv4 address for an IPv6 one that cannot be reached.
 */
const ADDRESS_ATTEMPT_MS = 1000;

/** A connection is let go this long before the server said it would close it, in milliseconds. */
const HINT_MARGIN_MS = 1000;

export function createSocketPool(secure: boolean, { maxSockets, idleMs, now }: SocketPoolOptions): SocketPool {
  // Not `import`: for an ES module that costs a cold environment 20 ms.
  const { Agent } = secure ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http');
  const agent = new Agent({
    keepAlive: true,
    maxSockets,
    autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
  });
  const connectedEvent = secure ? 'secureConnect' : 'connect';
  const connected = new WeakSet<Duplex>();
  const idleSince = new WeakMap<Duplex, number>();
  const limitMs = new WeakMap<Duplex, number>();

  const createConnection = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = createConnection(options, callback);
    socket?.once(connectedEvent, () => connected.add(socket));
    return socket;
  };

  const keepSocketAlive = agent.keepSocketAlive.bind(agent);
  agent.keepSocketAlive = (socket) => {
    const limit = limitMs.get(socket) ?? idleMs;
    if (limit <= 0) return false;
    idleSince.set(socket, now());
    const keep = keepSocketAlive(socket);
    // While the process runs, a timer closes what nobody asks for again.
    (socket as Socket).setTimeout(limit);
    return keep;
  };

  const reuseSocket = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket, request) => {
    // A connection in use may be silent for as long as its call takes.
    (socket as Socket).setTimeout(0);
    reuseSocket(socket, request);
  };

  const hasIdle = (): boolean => {
    for (const name in agent.freeSockets) if (agent.freeSockets[name]?.length !== 0) return true;
    return false;
  };

  const unusableSockets = (): Socket[] => {
    const unusable: Socket[] = [];
    for (const name in agent.freeSockets) {
      for (const socket of agent.freeSockets[name] ?? []) if (!isUsable(socket)) unusable.push(socket);
    }
    return unusable;
  };

  const isUsable = (socket: Duplex) => {
    const idleFor = now() - (idleSince.get(socket) ?? 0);
    // Negative when the wall clock was set back: then nothing is known.
    const fresh = idleFor >= 0 && idleFor <= (limitMs.get(socket) ?? idleMs);
    return fresh && !socket.destroyed && socket.readable && socket.writable;
  };

  return {
    connectedEvent,
    isConnected: (socket) => connected.has(socket),
    noteHint(socket, { 'keep-alive': hint }) {
      const seconds = typeof hint === 'string' ? /(?:^|[\s,;])timeout=(\d+)/i.exec(hint)?.[1] : undefined;
      if (seconds !== undefined) limitMs.set(socket, Math.min(idleMs, Number(seconds) * 1000 - HINT_MARGIN_MS));
    },
    async lend(start) {
      while (hasIdle()) {
        // The agent forgets a destroyed connection when it has closed, which a look at the network lets it do as well.
        await lookAtNetwork();
        const unusable = unusableSockets();
        if (unusable.length === 0) break;
        for (const socket of unusable) socket.destroy();
      }
      return start(agent);
    },
  };
}

/**
 * Lets the event loop collect what the network has for it, such as the end of a connection. An immediate runs after the
 * poll phase, but the first one may belong to a poll that has begun already; between it and the second there is a whole
 * one.
 */
function lookAtNetwork(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
