/** Something that the gateway does within one invocation: what is shared by all of its steps. */
import { virtualServers, type ServerUpstream, type VirtualServer } from '../catalog/plan.ts';
import { newCatalogCache, type CatalogCache } from '../catalog/listing.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { BreakerCache } from '../policies/breaker.ts';
import { DeadlineExpired, type Deadline } from '../policies/deadline.ts';
import type { Ports } from '../ports.ts';
import type { Invocation } from '../ports/invocation.ts';
import type { Stores, StoreTally } from '../ports/stores.ts';
import type { Trace } from '../ports/tracer.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import type { HttpHeaders } from '../protocol/http.ts';
import type { Json, JsonObject } from '../protocol/message.ts';
import { ancestryOfMessage, ancestryOfRequest, withoutBaggage, type Ancestry } from '../protocol/trace-context.ts';
import type { EraCache } from '../upstream/eras.ts';
import { Coalescer } from './coalescer.ts';
import { SERVER_INFO } from './identity.ts';

/** What lives as long as the gateway: nothing that matters. */
export interface Shared {
  readonly config: GatewayConfig;
  readonly ports: Ports;
  readonly servers: ReadonlyMap<string, VirtualServer>;
  /** Names of the headers that clients pass on to some upstream. */
  readonly forwarded: readonly string[];
  readonly eraCache: EraCache;
  readonly catalogCache: CatalogCache;
  readonly breakerCache: BreakerCache;
  /** Who the gateway says it is, when it speaks for itself. */
  readonly identity: JsonObject;
}

export function newShared(config: GatewayConfig, ports: Ports): Shared {
  return {
    config,
    ports,
    servers: virtualServers(config),
    forwarded: Object.values(config.upstreams).flatMap(({ forwardHeaders }) => forwardHeaders),
    eraCache: new Map(),
    catalogCache: newCatalogCache(),
    breakerCache: new Map(),
    identity: SERVER_INFO,
  };
}

/** Every upstream that some virtual server shows, once, under its own names. */
export function allUpstreams({ upstreams, servers }: GatewayConfig): readonly ServerUpstream[] {
  const shown = new Set(Object.values(servers).flatMap((server) => server.upstreams));
  return Object.entries(upstreams)
    .filter(([name]) => shown.has(name))
    .map(([name, config]) => ({ name, config, view: { prefix: config.prefix, tools: undefined } }));
}

export class Work {
  readonly shared: Shared;
  readonly ports: Ports;
  readonly invocation: Invocation;
  /** Of the client on whose behalf it is; empty for what the gateway does by itself. */
  readonly clientHeaders: HttpHeaders;
  /** Begun with it, and ended by whoever made it. */
  readonly trace: Trace;
  readonly storeTally: StoreTally = { requests: 0 };
  /** Upstream sessions that were attached to its client session since that was read, by upstream. */
  readonly attached = new Map<string, UpstreamSession>();
  /** Whether upstream sessions, by generation, are doubted, as far as that was found out since they were read. */
  readonly doubts = new Map<string, boolean>();
  protected readonly arrivedAt: number;
  protected readonly began: number;
  /** Changes of lists that were heard of: a flood of them costs a write each second, not one each. */
  readonly changes: Coalescer;
  /** What is known of the trace before any message has been read. */
  readonly #ancestry: Ancestry | undefined;
  readonly #deferred = new Set<Promise<void>>();
  #stores: Stores | undefined;

  /** `name` is what its trace calls it. */
  constructor(shared: Shared, invocation: Invocation, name: string, clientHeaders: HttpHeaders = {}) {
    this.shared = shared;
    this.ports = shared.ports;
    this.invocation = invocation;
    this.clientHeaders = clientHeaders;
    this.#ancestry = ancestryOfRequest(clientHeaders, invocation.trace);
    this.trace = shared.ports.tracer.begin(invocation, name);
    this.arrivedAt = shared.ports.clock.now();
    this.began = shared.ports.clock.elapsed();
    this.changes = new Coalescer(shared.ports.clock, (work) => this.defer(work));
  }

  /** Opened when they are first asked for: a call whose upstream is well known needs none. */
  get stores(): Stores {
    this.#stores ??= this.ports.openStores(this.storeTally);
    return this.#stores;
  }

  /** What the requests to upstreams continue that no single message asks for. */
  get ancestry(): Ancestry | undefined {
    return withoutBaggage(this.#ancestry);
  }

  /** What those continue that a message with this `_meta` asks for. */
  ancestryOf(meta: Json | undefined): Ancestry | undefined {
    return ancestryOfMessage(meta, this.#ancestry);
  }

  /** Milliseconds since it began. */
  get elapsedMs(): number {
    return this.ports.clock.elapsed() - this.began;
  }

  /**
   * Waits for work as long as the deadline allows, and rejects with `DeadlineExpired` then. Work that is given up on is
   * still waited for before the invocation ends, so that none of it runs on in the next one.
   */
  async within<T>(deadline: Deadline, work: Promise<T>): Promise<T> {
    try {
      return await deadline.guard(work);
    } catch (error) {
      if (error instanceof DeadlineExpired) this.defer(() => work);
      throw error;
    }
  }

  /** Runs work that the answer does not wait for; the invocation stays open until it has settled. */
  defer(work: () => Promise<unknown>): void {
    const running = this.#runDeferred(work);
    this.#deferred.add(running);
  }

  /** Settles once all deferred work has, including what it deferred in turn. */
  async settle(): Promise<void> {
    this.changes.hurry();
    for (const running of this.#deferred) await running;
  }

  async #runDeferred(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // The client has its answer already; the operator is told.
      this.ports.actionLog.defect(this.invocation.requestId, error);
    }
  }
}
