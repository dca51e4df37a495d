/** Carries out scripts: many clients of one gateway, whose calls interleave as the script says. */
import { createHash } from 'node:crypto';
import type { TestGateway } from '../support/local-gateway.ts';
import { newTag, startTaggedUpstream, tagsIn, type TaggedUpstream } from '../support/tagged-upstream.ts';
import { startTestGateway } from '../support/local-gateway.ts';
import { TaggedClient, type Conversation } from './tagged-client.ts';
import { SERVERS, type Script, type Step } from './script.ts';

/** Something of one owner reached another one, or was lost. */
export class Leak extends Error {
  override readonly name = 'Leak';
}

export interface WorldOptions {
  /** Has the upstream give everyone the same session. */
  readonly sharesSession?: boolean;
  /** Whether what the upstream sees counts; otherwise only what reaches clients and the log does. */
  readonly watchesUpstream?: boolean;
}

/** Calls at once. Each holds an environment, and others are needed for what is said meanwhile. */
const MOST_CALLS = 8;
const MOST_ENVIRONMENTS = 30;

/** A run that has not ended by then is stuck. */
const STUCK_MS = 20_000;

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

/** How much has been done in all runs. */
export interface Tally {
  runs: number;
  clients: number;
  calls: number;
  cancellations: number;
  logLines: number;
}

export class World {
  readonly tally: Tally = { runs: 0, clients: 0, calls: 0, cancellations: 0, logLines: 0 };
  readonly gateway: TestGateway;
  readonly upstream: TaggedUpstream;
  readonly #mixed: Mixed;
  /** The gateway's session ids of all runs. */
  readonly #sessionIds = new Set<string>();
  #linesSeen = 0;

  constructor(gateway: TestGateway, upstream: TaggedUpstream, mixed: Mixed) {
    this.gateway = gateway;
    this.upstream = upstream;
    this.#mixed = mixed;
  }

  /** Rejects with a `Leak`. */
  async run(script: Script): Promise<void> {
    const run = new Run(script, this.gateway, this.upstream, this.tally);
    this.upstream.forgetAll();
    this.#mixed.tell = (what) => run.fail(what);
    this.tally.runs += 1;
    try {
      await run.carryOut();
    } finally {
      this.#mixed.tell = () => {};
      await run.abandon();
      for (const id of run.clients.flatMap((client) => client.sessionIds)) this.#sessionIds.add(id);
    }
    this.#checkLog();
  }

  async close(): Promise<void> {
    await this.gateway.close();
    await this.upstream.close();
  }

  /** The log knows owners by hashes of their sessions only. */
  #checkLog(): void {
    const lines = this.gateway.logLines().slice(this.#linesSeen);
    this.#linesSeen += lines.length;
    this.tally.logLines += lines.length;
    const credentials = [...this.#sessionIds, ...this.upstream.ownersOf.keys()];
    const hashes = new Set([...this.#sessionIds].map(hashOf));
    for (const line of lines) {
      const told = [...tagsIn(line), ...credentials.filter((id) => line.includes(id))];
      if (told.length > 0) throw new Leak(`the log says ${told.join(', ')}: ${line}`);
      const { session } = JSON.parse(line) as { readonly session: string | null };
      if (session !== null && !hashes.has(session)) throw new Leak(`the log names an unknown session: ${line}`);
    }
  }
}

/** As the action log names a session. */
function hashOf(sessionId: string): string {
  return createHash('sha256').update(sessionId).digest('base64url').slice(0, 12);
}

/** Where what the upstream notices goes. */
interface Mixed {
  tell: (what: string) => void;
}

export async function openWorld({ sharesSession = false, watchesUpstream = true }: WorldOptions = {}): Promise<World> {
  const mixed: Mixed = { tell: () => {} };
  const onMixed = (what: string): void => {
    if (watchesUpstream) mixed.tell(what);
  };
  const upstream = await startTaggedUpstream({ sharesSession, onMixed });
  const servers = Object.fromEntries(SERVERS.map((name) => [name, { upstreams: ['tagged'] }]));
  const config = { upstreams: { tagged: { url: upstream.url } }, servers };
  const gateway = await startTestGateway(config, { environments: MOST_ENVIRONMENTS });
  return new World(gateway, upstream, mixed);
}

/** A call under way, and whose it is. */
interface Open {
  readonly client: TaggedClient;
  readonly conversation: Conversation;
  /** How many of its steps it may do. */
  allowed: number;
}

class Run {
  readonly clients: readonly TaggedClient[];

  readonly #script: Script;
  readonly #upstream: TaggedUpstream;
  readonly #tally: Tally;
  readonly #open = new Set<Open>();
  /** What clients say besides their calls, and nobody waits for meanwhile. */
  readonly #asides = new Set<Promise<void>>();
  /** Clients whose session on the upstream was forgotten or replaced. */
  readonly #restarted = new Set<TaggedClient>();
  readonly #failed = Promise.withResolvers<never>();

  constructor(script: Script, gateway: TestGateway, upstream: TaggedUpstream, tally: Tally) {
    this.#script = script;
    this.#upstream = upstream;
    this.#tally = tally;
    this.#failed.promise.catch(() => {});
    this.clients = script.clients.map(({ revision, server }, index) => {
      const level = LEVELS[index % LEVELS.length] ?? 'debug';
      const onWrong = (what: string): void => this.fail(what);
      return new TaggedClient({ url: gateway.url(server), revision, tag: newTag(), level, onWrong });
    });
    tally.clients += this.clients.length;
  }

  fail(what: string): void {
    this.#failed.reject(new Leak(what));
  }

  async carryOut(): Promise<void> {
    const stuck = setTimeout(() => this.fail('nothing happens any more'), STUCK_MS);
    try {
      for (const client of this.clients) this.#aside(client.connect());
      await this.#unlessFailed(Promise.all(this.#asides));
      for (const step of this.#script.steps) await this.#unlessFailed(this.#do(step));
      await this.#unlessFailed(this.#endAll());
    } finally {
      clearTimeout(stuck);
    }
  }

  /** Ends what a failed run has left behind. */
  async abandon(): Promise<void> {
    for (const { client, conversation } of this.#open) {
      conversation.leaving.abort();
      this.#upstream.allow(client.tag, conversation.call, Infinity);
    }
    await Promise.allSettled([...this.#open].map(({ conversation }) => conversation.end));
    await Promise.allSettled(this.#asides);
  }

  #unlessFailed<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failed.promise]);
  }

  async #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'begin':
        return this.#begin(this.#client(step.client), step.stages);
      case 'advance':
        return this.#advance(this.#pick(step.pick), step.steps);
      case 'settle':
        return await this.#settle(this.#pick(step.pick));
      case 'finish':
        return await this.#finish(this.#pick(step.pick));
      case 'cancel':
        return this.#cancel(this.#pick(step.pick));
      case 'stray-cancel':
        return this.#strayCancel(this.#client(step.client), step.id);
      case 'stray-answer':
        return this.#aside(this.#client(step.client).answerUnasked(`tagged/${step.id}`));
      case 'level':
        return this.#aside(this.#client(step.client).setLevel());
      case 'forget':
        return await this.#restart(this.#client(step.client), async (client) => this.#upstream.forget(client.tag));
      case 'reconnect':
        return await this.#restart(this.#client(step.client), async (client) => {
          await client.disconnect();
          await client.connect();
        });
    }
  }

  #client(index: number): TaggedClient {
    const client = this.clients[index % this.clients.length];
    if (client === undefined) throw new Error('A script has clients');
    return client;
  }

  /** A call that is under way and not given up. */
  #pick(index: number): Open | undefined {
    const open = [...this.#open].filter(({ conversation }) => !conversation.ended && !conversation.cancelled);
    return open[index % open.length];
  }

  #begin(client: TaggedClient, stages: Conversation['stages']): void {
    const underWay = [...this.#open].filter(({ conversation }) => !conversation.ended);
    if (underWay.length >= MOST_CALLS) return;
    const conversation = client.begin(stages);
    this.#open.add({ client, conversation, allowed: 0 });
    this.#tally.calls += 1;
    this.#watch(this.#expectResult(conversation));
  }

  /** A call that its client has not given up is answered. */
  async #expectResult(conversation: Conversation): Promise<void> {
    const end: unknown = await conversation.end;
    const isResult = typeof end === 'object' && end !== null && 'result' in end;
    if (!conversation.cancelled && !isResult) this.fail(`a call ends with ${JSON.stringify(end)}`);
  }

  #advance(open: Open | undefined, steps: number): void {
    if (open === undefined) return;
    open.allowed += steps;
    this.#upstream.allow(open.client.tag, open.conversation.call, steps);
  }

  async #settle(open: Open | undefined): Promise<void> {
    if (open === undefined) return;
    await this.#upstream.caughtUp(open.client.tag, open.conversation.call);
  }

  async #finish(open: Open | undefined): Promise<void> {
    this.#advance(open, Infinity);
    await open?.conversation.end;
  }

  /** Once the call has arrived: a cancellation that overtakes its call has nothing to cancel. */
  #cancel(open: Open | undefined): void {
    if (open === undefined) return;
    const { client, conversation } = open;
    conversation.cancelled = true;
    this.#tally.cancellations += 1;
    this.#aside(this.#upstream.begun(client.tag, conversation.call).then(() => client.cancel(conversation)));
  }

  /** Of a call that has ended; of any other it could be the real one. */
  #strayCancel(client: TaggedClient, id: number): void {
    const ended = [...this.#open].some((open) => {
      const { call, ended } = open.conversation;
      return open.client === client && call === id && ended;
    });
    if (ended) this.#aside(client.cancelRequest(id));
  }

  #aside(work: Promise<void>): void {
    this.#asides.add(work);
    this.#watch(work);
  }

  #watch(work: Promise<void>): void {
    work.catch((error: unknown) => this.fail(`failed: ${String(error)}`));
  }

  async #restart(client: TaggedClient, restart: (client: TaggedClient) => Promise<void>): Promise<void> {
    if (client.conversations.size > 0) return;
    await Promise.all(this.#asides);
    this.#restarted.add(client);
    this.#aside(restart(client));
    await Promise.all(this.#asides);
  }

  /** Waits for what was cancelled, then lets everything else come to its end, and has the clients leave. */
  async #endAll(): Promise<void> {
    await Promise.all(this.#asides);
    const open = [...this.#open];
    const isCancelled = ({ conversation }: Open): boolean => conversation.cancelled;
    await Promise.all(open.filter(isCancelled).map((one) => this.#endCancelled(one)));
    await Promise.all(open.filter((one) => !isCancelled(one)).map((one) => this.#finish(one)));
    this.#checkSessions();
    await Promise.all(this.clients.map((client) => client.disconnect()));
    await this.#upstream.allSessionsEnded();
  }

  /** A legacy call ends at once; of a modern one nobody learns behind a function URL that its client has left. */
  async #endCancelled({ client, conversation, allowed }: Open): Promise<void> {
    const { call, stages } = conversation;
    if (client.modern) this.#upstream.allow(client.tag, call, Infinity);
    const end = await conversation.end;
    const answered = allowed > stages.length;
    const rightly = client.modern ? end === undefined : end?.error?.code === 1020;
    if (!rightly && !answered) this.fail(`a cancelled call ends with ${JSON.stringify(end)}`);
    // In a modern call that its client has left, nobody answers the questions.
    if (!client.modern || !stages.includes('ask')) await this.#upstream.over(client.tag, call);
  }

  /**
   * A client's own session, and only that one, was used for its calls from beginning to end. Several environments may
   * open one at once for its first calls; the calls all go into the one that stays.
   */
  #checkSessions(): void {
    for (const client of this.clients) {
      const used = [...this.#upstream.callersOf.values()].filter((callers) => callers.has(client.tag)).length;
      if (client.modern ? used !== 0 : used > 1 && !this.#restarted.has(client)) {
        this.fail(`calls of ${client.tag} went into ${used} upstream sessions`);
      }
    }
  }
}
