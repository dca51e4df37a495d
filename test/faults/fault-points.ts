/**
 * Fault points: the places where the gateway waits for something outside. An environment that reaches one stands still,
 * with everything it has under way, until the test lets it go on; or it is killed there and never does.
 */
import type { Gateway } from '../../lib/gateway.ts';
import type { Ports } from '../../lib/ports.ts';
import type { Stores } from '../../lib/ports/stores.ts';
import type { UpstreamHttpRequest, UpstreamTransport } from '../../lib/ports/transport.ts';
import { blocked } from '../support/signals.ts';

/** The header of a request whose fault points count; every other request passes them unhindered. */
export const RUN_HEADER = 'x-fault-run';

/** The last point of an invocation: all work has ended, what outlives the answer included. */
export const SETTLED = 'settled';

/** From here on the client may have its answer. */
export const ANSWERING = 'answer before';

/** The points of the request that this environment serves now. */
class FaultPoints {
  #run: string | undefined;
  readonly #passed = new Map<string, number>();

  begin(run: string | undefined): void {
    this.#run = run;
    this.#passed.clear();
  }

  /** Signals the point, under a name that is unique within the run, and the run as its value. */
  reach(name: string): void {
    if (this.#run === undefined) return;
    const count = (this.#passed.get(name) ?? 0) + 1;
    this.#passed.set(name, count);
    blocked(count === 1 ? name : `${name} (${count})`, this.#run);
  }

  /** A point before the work and one after it, however it ends. */
  async around<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.reach(`${name} before`);
    try {
      return await work();
    } finally {
      this.reach(`${name} after`);
    }
  }

  /** A point before each chunk is handed on, and one at the end. */
  async *along<T>(name: string, chunks: AsyncIterable<T>): AsyncGenerator<T, void> {
    try {
      for await (const chunk of chunks) {
        this.reach(`${name} chunk`);
        yield chunk;
      }
    } finally {
      this.reach(`${name} end`);
    }
  }
}

const points = new FaultPoints();

/** The gateway over these ports, with a fault point at everything that it waits for and at everything that it sends. */
export function withFaultPoints(createGateway: (ports: Ports) => Gateway, ports: Ports): Gateway {
  const gateway = createGateway({
    ...ports,
    openStores: (tally) => pointedStores(ports.openStores(tally)),
    transport: pointedTransport(ports.transport),
  });
  return async (request, invocation) => {
    points.begin(request.headers[RUN_HEADER]);
    const response = await gateway(request, invocation);
    points.reach(ANSWERING);
    const { body } = response;
    return {
      ...response,
      body: typeof body === 'string' ? body : points.along('answer', body),
      after: async () => {
        await response.after();
        points.reach(SETTLED);
      },
    };
  };
}

function pointedStores(stores: Stores): Stores {
  return {
    clientSessions: pointedStore('clientSessions', stores.clientSessions),
    mailbox: pointedStore('mailbox', stores.mailbox),
    upstreamEras: pointedStore('upstreamEras', stores.upstreamEras),
    upstreamSessions: pointedStore('upstreamSessions', stores.upstreamSessions),
    catalog: pointedStore('catalog', stores.catalog),
    pins: pointedStore('pins', stores.pins),
    idempotency: pointedStore('idempotency', stores.idempotency),
    breakers: pointedStore('breakers', stores.breakers),
    slots: pointedStore('slots', stores.slots),
    streams: pointedStore('streams', stores.streams),
    listening: pointedStore('listening', stores.listening),
  };
}

/** Every method of a store is an operation. */
function pointedStore<T extends object>(name: string, store: T): T {
  const methods = Object.entries(store) as [string, (...args: unknown[]) => Promise<unknown>][];
  const pointed = methods.map(
    ([method, operation]) =>
      [method, (...args: unknown[]) => points.around(`${name}.${method}`, () => operation(...args))] as const,
  );
  return Object.fromEntries(pointed) as T;
}

function pointedTransport(transport: UpstreamTransport): UpstreamTransport {
  return {
    async send(request) {
      const name = nameOf(request);
      const response = await points.around(name, () => transport.send(request));
      return response.kind === 'failure' ? response : { ...response, body: points.along(name, response.body) };
    },
  };
}

/** The HTTP method and what the body is. */
function nameOf({ method, body }: UpstreamHttpRequest): string {
  if (body === '') return method;
  const message = JSON.parse(body) as { readonly method?: string };
  return `${method} ${message.method ?? 'answer'}`;
}
