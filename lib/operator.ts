/** What an operator can look up and decide: upstreams as they are now, tools and their pins, client sessions. */
import { itemsOf, NO_LIST, textsOf } from './catalog/listing.ts';
import { mergeLists, type MergedList } from './catalog/merge.ts';
import { pinned, readDefinition, rejectedFor, type Pins, type ToolDefinition } from './catalog/pins.ts';
import { upstreamOfName, type ServerUpstream, type VirtualServer } from './catalog/plan.ts';
import type { GatewayConfig } from './config/schema.ts';
import { changePins, readPinsOf } from './gateway/pinning.ts';
import { sweepSession } from './gateway/sweeping.ts';
import { surveyUpstream, type Survey } from './gateway/survey.ts';
import { allUpstreams, newShared, Work, type Shared } from './gateway/work.ts';
import type { Ports } from './ports.ts';
import type { BreakerState } from './ports/breakers.ts';
import type { CatalogMember } from './ports/catalog.ts';
import type { ClientSession } from './ports/client-sessions.ts';
import type { Invocation } from './ports/invocation.ts';
import { isObject, parseJson } from './protocol/message.ts';
import { LATEST_LEGACY, LATEST_MODERN } from './protocol/era.ts';
import { toClientName } from './protocol/names.ts';
import { upstreamKey } from './upstream/eras.ts';

export { MAX_NAME_CHARS } from './catalog/merge.ts';
export type { Survey } from './gateway/survey.ts';

/** A tool of a pinned upstream whose definition is not the accepted one. */
export interface HeldTool {
  readonly upstream: string;
  /** With the upstream's prefix. */
  readonly name: string;
  /** As the upstream knows it. */
  readonly upstreamName: string;
  /** The revision of the protocol in which it is defined so. */
  readonly revision: string;
  /** Canonical JSON texts. */
  readonly accepted: string;
  readonly found: string;
  /**
   * Of the upstream and of what was found. Whoever names it decides about this definition and no other. It is whole,
   * since an upstream may choose its definitions: of a shortened digest it could find two that are alike.
   */
  readonly digest: string;
}

/** What a virtual server shows of a survey's tools. */
export interface ShownTools {
  readonly server: string;
  readonly tools: readonly ShownTool[];
  readonly lost: MergedList['lost'];
  readonly tooLong: MergedList['tooLong'];
}

export interface ShownTool {
  /** As clients see it. */
  readonly name: string;
  readonly upstream: string;
  /** In the upstream's words. */
  readonly description: string | undefined;
}

/** No more sessions than this are read for a list. */
export const MAX_SESSIONS = 1000;

/** Fewer than there are connections to the database: who waits for one runs out of time to connect. */
const READ_AT_ONCE = 25;

export interface SessionList {
  readonly sessions: readonly ClientSession[];
  /** Whether there are others behind them in that order. */
  readonly hasMore: boolean;
}

/** A list of an upstream as it is kept for those who get the same one. Times are milliseconds since the epoch. */
export interface KeptList {
  readonly upstream: string;
  readonly member: CatalogMember;
  readonly fetchedAt: number;
  readonly freshUntil: number;
  /** Whether a change of it is known that came after it was asked for. */
  readonly isStale: boolean;
  /** As it is kept. */
  readonly bytes: number;
}

export interface UpstreamBreaker {
  readonly upstream: string;
  readonly state: 'closed' | 'open' | 'half-open';
  /** Until when calls are refused, milliseconds since the epoch; undefined unless it is open. */
  readonly openUntil: number | undefined;
  /** Since the last success. */
  readonly failures: number;
}

export class Operator {
  readonly #shared: Shared;
  readonly #upstreams: readonly ServerUpstream[];
  readonly #work: Work;

  /** `config` is resolved. The methods reject with what the stores throw. */
  constructor(config: GatewayConfig, ports: Ports, invocation: Invocation) {
    this.#shared = newShared(config, ports);
    this.#upstreams = allUpstreams(config);
    this.#work = new Work(this.#shared, invocation, 'operator');
  }

  /** Settles once everything that was left to do in the background is done. */
  settle(): Promise<void> {
    return this.#work.settle();
  }

  /** Asks every upstream that is shown by some virtual server, in configured order. */
  survey(): Promise<readonly Survey[]> {
    return Promise.all(this.#upstreams.map((upstream) => surveyUpstream(this.#work, upstream)));
  }

  /** What each virtual server shows of these surveys' tools: merged, with lost claims and names that are too long. */
  toolsOf(surveys: readonly Survey[]): readonly ShownTools[] {
    return [...this.#shared.servers.values()].map((server) => {
      const shares = server.upstreams.map((upstream) => ({
        upstream,
        items: surveys.find((survey) => survey.upstream.name === upstream.name)?.lists.tools ?? [],
      }));
      const { items, lost, tooLong } = mergeLists('tools', shares, server);
      return { server: server.name, tools: items.flatMap((item) => shownTool(item, server)), lost, tooLong };
    });
  }

  /** Tools of pinned upstreams that are held back, by what is kept of them. */
  async heldTools(): Promise<readonly HeldTool[]> {
    const held = await Promise.all(
      this.#upstreams
        .filter(({ config }) => config.pin)
        .map(async (upstream) => {
          const { pins } = await readPinsOf(this.#work, upstream.name);
          const found = await this.#keptTools(upstream);
          return found.flatMap(({ revision, tools }) =>
            tools.flatMap((tool) => this.#heldTool(upstream, pins, revision, tool)),
          );
        }),
    );
    return held.flat();
  }

  /** Tools of pinned upstreams that would be held back as they are now, whatever is kept of them. */
  async heldNow(surveys: readonly Survey[]): Promise<readonly HeldTool[]> {
    const held = await Promise.all(
      surveys.map(async ({ upstream, era, lists }) => {
        if (!upstream.config.pin || era === undefined) return [];
        const { pins } = await readPinsOf(this.#work, upstream.name);
        const revision = era === 'modern' ? LATEST_MODERN : LATEST_LEGACY;
        const tools = (lists.tools ?? []).flatMap((item) => readDefinition(item) ?? []);
        return tools.flatMap((tool) => this.#heldTool(upstream, pins, revision, tool));
      }),
    );
    return held.flat();
  }

  /** Pins exactly what was found of these tools. False when somebody else changed the pins again and again meanwhile. */
  async accept(held: readonly HeldTool[]): Promise<boolean> {
    const byUpstream = Map.groupBy(held, ({ upstream }) => upstream);
    const accepted = await Promise.all([...byUpstream].map(([name, tools]) => this.#pin(name, tools)));
    return accepted.every(Boolean);
  }

  /** What is kept of all upstreams, in configured order, whoever it is kept for. */
  async keptLists(): Promise<readonly KeptList[]> {
    const lists = await Promise.all(this.#upstreams.map((upstream) => this.#keptListsOf(upstream)));
    return lists.flat();
  }

  /** Of all upstreams, in configured order. One that is switched off is closed. */
  breakers(): Promise<readonly UpstreamBreaker[]> {
    const { stores, ports } = this.#work;
    const now = ports.clock.now();
    return Promise.all(
      this.#upstreams.map(async (upstream) => {
        const state = await stores.breakers.read(upstreamKey(upstream, ports.ids), now);
        return toUpstreamBreaker(upstream.name, state, now);
      }),
    );
  }

  /** Client sessions that have not expired, the one that expires first in front; `MAX_SESSIONS` at most. */
  async sessions(): Promise<SessionList> {
    return this.#listOf(await this.#sessionKeys(MAX_SESSIONS + 1), MAX_SESSIONS);
  }

  /** The one that expires last in front, which is among those that were used last: use moves the expiry. */
  async latestSessions(most: number): Promise<SessionList> {
    const { stores, ports } = this.#work;
    return this.#listOf(await stores.clientSessions.expiringLast(ports.clock.now(), most + 1), most);
  }

  /**
   * All client sessions that have not expired and whose key begins with `prefix`, however many there are. A longer and
   * longer beginning of the index is read, rather than one part after another: any number of sessions may expire at the
   * same moment, and those that are used meanwhile move.
   */
  async sessionsBeginningWith(prefix: string): Promise<readonly ClientSession[]> {
    let limit = MAX_SESSIONS;
    let keys = await this.#sessionKeys(limit);
    while (keys.length >= limit) {
      limit *= 4;
      keys = await this.#sessionKeys(limit);
    }
    return this.#readSessions(keys.filter((key) => key.startsWith(prefix)).slice(0, MAX_SESSIONS));
  }

  #sessionKeys(limit: number): Promise<readonly string[]> {
    const { stores, ports } = this.#work;
    return stores.clientSessions.expiringBetween(ports.clock.now(), Number.MAX_SAFE_INTEGER, limit);
  }

  async #listOf(keys: readonly string[], most: number): Promise<SessionList> {
    return { sessions: await this.#readSessions(keys.slice(0, most)), hasMore: keys.length > most };
  }

  async #readSessions(keys: readonly string[]): Promise<readonly ClientSession[]> {
    const { clientSessions } = this.#work.stores;
    const found: ClientSession[] = [];
    for (let at = 0; at < keys.length; at += READ_AT_ONCE) {
      const sessions = await Promise.all(keys.slice(at, at + READ_AT_ONCE).map((key) => clientSessions.read(key)));
      found.push(...sessions.flatMap((session) => session ?? []));
    }
    return found;
  }

  /** Ends a client session, and the upstream sessions attached to it; undefined when there is none of that key. */
  async endSession(key: string): Promise<ClientSession | undefined> {
    const session = await this.#work.stores.clientSessions.terminate(key);
    if (session !== undefined) sweepSession(this.#work, this.#upstreams, session);
    return session;
  }

  async #keptListsOf(upstream: ServerUpstream): Promise<readonly KeptList[]> {
    const { catalog } = this.#work.stores;
    const kept = await catalog.headsOf(upstreamKey(upstream, this.#work.ports.ids));
    // With each head, how often its list is known to have changed by now.
    const states = kept.length === 0 ? [] : await catalog.heads(kept.map(({ key }) => key));
    return kept.flatMap(({ key: { member } }, index) => {
      const { head, changes } = states[index]!;
      if (head === undefined) return [];
      const { fetchedAt, freshUntil, bytes } = head;
      return [{ upstream: upstream.name, member, fetchedAt, freshUntil, isStale: head.changes < changes, bytes }];
    });
  }

  #heldTool(upstream: ServerUpstream, pins: Pins, revision: string, tool: ToolDefinition): HeldTool[] {
    const accepted = rejectedFor(pins, revision, tool);
    if (accepted === undefined) return [];
    const { name: upstreamName, definition: found } = tool;
    const name = toClientName(upstream.view.prefix, upstreamName);
    const digest = this.#work.ports.ids.digest(JSON.stringify([upstream.name, found]));
    return [{ upstream: upstream.name, name, upstreamName, revision, accepted, found, digest }];
  }

  #pin(upstream: string, tools: readonly HeldTool[]): Promise<boolean> {
    return changePins(this.#work, upstream, (pins) =>
      tools.reduce(
        (all, { revision, upstreamName, found }) => pinned(all, revision, [{ name: upstreamName, definition: found }]),
        pins,
      ),
    );
  }

  /**
   * The definitions that an upstream gave last, by the revision that it was spoken to in. An older list, which is kept
   * for other callers, has nothing to say of a tool that a newer one knows.
   */
  async #keptTools(
    upstream: ServerUpstream,
  ): Promise<readonly { revision: string; tools: readonly ToolDefinition[] }[]> {
    const { catalog } = this.#work.stores;
    const kept = await catalog.headsOf(upstreamKey(upstream, this.#work.ports.ids));
    const lists = kept
      .filter(({ key }) => key.member === 'tools')
      .toSorted((a, b) => a.head.fetchedAt - b.head.fetchedAt);
    const texts = await textsOf(lists, catalog, this.#shared.catalogCache);
    const byRevision = new Map<string, Map<string, ToolDefinition>>();
    for (const [index, { head }] of lists.entries()) {
      const tools = byRevision.get(head.asked.version) ?? new Map<string, ToolDefinition>();
      byRevision.set(head.asked.version, tools);
      for (const item of itemsOf(texts[index] ?? NO_LIST)) {
        const tool = readDefinition(item);
        if (tool !== undefined) tools.set(tool.name, tool);
      }
    }
    return [...byRevision].map(([revision, tools]) => ({ revision, tools: [...tools.values()] }));
  }
}

function toUpstreamBreaker(upstream: string, state: BreakerState | undefined, now: number): UpstreamBreaker {
  const { failures = 0, openUntil } = state ?? {};
  if (openUntil === undefined) return { upstream, state: 'closed', openUntil: undefined, failures };
  return openUntil > now
    ? { upstream, state: 'open', openUntil, failures }
    : { upstream, state: 'half-open', openUntil: undefined, failures };
}

function shownTool(item: string, server: VirtualServer): ShownTool[] {
  const tool = parseJson(item);
  if (!isObject(tool) || typeof tool['name'] !== 'string') return [];
  const { name, description } = tool;
  const upstream = upstreamOfName(name, server)?.name;
  if (upstream === undefined) return [];
  return [{ name, upstream, description: typeof description === 'string' ? description : undefined }];
}
