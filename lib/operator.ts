/** What an operator can look up and decide: upstreams as they are now, tools and their pins, client sessions. */
import { itemsOf, textsOf } from './catalog/listing.ts';
import { mergeLists, type MergedList } from './catalog/merge.ts';
import { pinned, readDefinition, readPins, writePins, type Pins, type ToolDefinition } from './catalog/pins.ts';
import { upstreamOfName, type ServerUpstream, type VirtualServer } from './catalog/plan.ts';
import type { GatewayConfig } from './config/schema.ts';
import { sweepSession } from './gateway/sweeping.ts';
import { surveyUpstream, type Survey } from './gateway/survey.ts';
import { allUpstreams, newShared, Work, type Shared } from './gateway/work.ts';
import { StoreError, type ClientSession, type Invocation, type Ports } from './ports.ts';
import { toClientName, toUpstreamName } from './protocol/names.ts';
import { upstreamKey } from './upstream/eras.ts';

/** A tool of a pinned upstream whose definition is not the accepted one. */
export interface HeldTool {
  readonly upstream: string;
  /** With the upstream's prefix. */
  readonly name: string;
  /** The revision of the protocol in which it is defined so. */
  readonly revision: string;
  /** Canonical JSON texts. */
  readonly accepted: string;
  readonly found: string;
}

export type AcceptOutcome =
  | { readonly kind: 'accepted'; readonly tools: readonly string[] }
  | { readonly kind: 'unknown-tool' }
  /** Somebody else changed the pins at the same time, again and again. */
  | { readonly kind: 'contended' };

/** Somebody else may pin at the same time; whoever loses looks again. */
const MAX_ATTEMPTS = 10;

/** No more sessions than this are read for a list. */
const MAX_SESSIONS = 1000;

export class Operator {
  readonly #shared: Shared;
  readonly #upstreams: readonly ServerUpstream[];
  readonly #work: Work;

  /** `config` is resolved. The methods reject with what the stores throw. */
  constructor(config: GatewayConfig, ports: Ports, invocation: Invocation) {
    this.#shared = newShared(config, ports);
    this.#upstreams = allUpstreams(config);
    this.#work = new Work(this.#shared, invocation);
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
  toolsOf(surveys: readonly Survey[]): readonly { readonly server: VirtualServer; readonly tools: MergedList }[] {
    return [...this.#shared.servers.values()].map((server) => {
      const shares = server.upstreams.map((upstream) => ({
        upstream,
        items: surveys.find((survey) => survey.upstream.name === upstream.name)?.lists.tools ?? [],
      }));
      return { server, tools: mergeLists('tools', shares, server) };
    });
  }

  /** Tools of pinned upstreams that are held back, by what is kept of them. */
  async heldTools(): Promise<readonly HeldTool[]> {
    const held = await Promise.all(
      this.#upstreams
        .filter(({ config }) => config.pin)
        .map(async (upstream) => {
          const { pins } = await this.#readPins(upstream);
          const found = await this.#keptTools(upstream);
          return found.flatMap(({ revision, tools }) =>
            tools.flatMap((tool) => heldTool(upstream, pins, revision, tool)),
          );
        }),
    );
    return held.flat();
  }

  /** Accepts the definitions that a tool has now; `name` with the upstream's prefix. */
  async accept(name: string): Promise<AcceptOutcome> {
    const upstream = upstreamOfName(name, { name: '', upstreams: this.#upstreams });
    const toolName = upstream && toUpstreamName(upstream.view.prefix, name);
    if (upstream === undefined || toolName === undefined) return { kind: 'unknown-tool' };
    const found = (await this.#keptTools(upstream)).map(({ revision, tools }) => ({
      revision,
      tools: tools.filter((tool) => tool.name === toolName),
    }));
    if (found.every(({ tools }) => tools.length === 0)) return { kind: 'unknown-tool' };
    const { pins: store } = this.#work.stores;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const { pins, version } = await this.#readPins(upstream);
      const accepted = found.reduce((all, { revision, tools }) => pinned(all, revision, tools), pins);
      const record = { version: this.#work.ports.ids.random(), text: writePins(accepted) };
      if (await store.write(upstream.name, record, version)) return { kind: 'accepted', tools: [name] };
    }
    return { kind: 'contended' };
  }

  /** Client sessions that have not expired, the one that expires first in front. */
  async sessions(): Promise<readonly ClientSession[]> {
    const { clientSessions } = this.#work.stores;
    const keys = await clientSessions.expiringBetween(
      this.#work.ports.clock.now(),
      Number.MAX_SAFE_INTEGER,
      MAX_SESSIONS,
    );
    const sessions = await Promise.all(keys.map((key) => clientSessions.read(key)));
    return sessions.flatMap((session) => session ?? []);
  }

  /** Ends a client session, and the upstream sessions attached to it; undefined when there is none of that key. */
  async endSession(key: string): Promise<ClientSession | undefined> {
    const session = await this.#work.stores.clientSessions.terminate(key);
    if (session !== undefined) sweepSession(this.#work, this.#upstreams, session);
    return session;
  }

  async #readPins({ name }: ServerUpstream): Promise<{ readonly pins: Pins; readonly version: string | undefined }> {
    const record = await this.#work.stores.pins.read(name);
    const pins = record === undefined ? new Map() : readPins(record.text);
    if (pins === undefined) throw new StoreError('pins.read', 'the record cannot be read', undefined);
    return { pins, version: record?.version };
  }

  /** The definitions that are kept of an upstream, by the revision that it was spoken to in. */
  async #keptTools(upstream: ServerUpstream) {
    const { catalog } = this.#work.stores;
    const kept = await catalog.headsOf(upstreamKey(upstream, this.#work.ports.ids));
    const lists = kept.filter(({ key }) => key.member === 'tools');
    const texts = await textsOf(lists, catalog, this.#shared.catalogCache);
    return lists.map(({ head }, index) => ({
      revision: head.asked.version,
      tools: itemsOf(texts[index] ?? '[]').flatMap((item) => readDefinition(item) ?? []),
    }));
  }
}

function heldTool(upstream: ServerUpstream, pins: Pins, revision: string, tool: ToolDefinition): HeldTool[] {
  const accepted = pins.get(revision)?.get(tool.name);
  if (accepted === undefined || accepted === tool.definition) return [];
  const name = toClientName(upstream.view.prefix, tool.name);
  return [{ upstream: upstream.name, name, revision, accepted, found: tool.definition }];
}
