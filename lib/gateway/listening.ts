/**
 * What a legacy client is told beside its calls: the stream that its GET opens (2025-11-25, basic/transports, "Listening
 * for Messages from the Server"). As the operator chooses, it says what there is to be told at the moment and ends, or is
 * held open for a while. Its events have no ids of their own: what was told is kept in the table, and a client that comes
 * back is told the rest. The stream as a whole has one, because a client may give up the whole session when streams end one
 * after the other without a new id (the Go SDK does, after the sixth).
 */
import { upstreamNamed, type ServerUpstream } from '../catalog/plan.ts';
import { SSE_HEADERS, type Delivery } from '../delivery/response.ts';
import { fail, succeed, type Result } from '../errors.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import type { HeardPosition, HeardPositions, ListCounts, Listening, Subscription } from '../ports/listening.ts';
import { StoreError } from '../ports/stores.ts';
import type { Span } from '../ports/tracer.ts';
import { listChangedText, updatedText, type ListenFilter } from '../protocol/announcements.ts';
import { tellsOf } from '../protocol/capabilities.ts';
import { questionToClient } from '../protocol/legacy/server-requests.ts';
import { ANNOUNCED_LISTS } from '../protocol/methods.ts';
import { HEARTBEAT, idField, retryField, sseEvent } from '../protocol/sse.ts';
import { SESSION_TTL_MS } from '../sessions/client-session.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import { attachedSession } from '../upstream/legacy.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { subscribeInSession } from './ear.ts';
import { unexpectedFailure } from './ending.ts';
import type { LegacyScope } from './errand.ts';
import { listeningId } from './event-ids.ts';
import { tellingUpstreams, type TellingUpstream } from './handshake.ts';
import { Hearing } from './hearing.ts';
import { changedSince, countsOf, LOOK_MS, timeToListen } from './news.ts';
import { keeperFor } from './upstream-sessions.ts';
import type { Visit } from './visit.ts';

/** When a client that was not held is to come back, and one that was, in milliseconds. */
const POLL_AGAIN_MS = 15_000;
const HOLD_AGAIN_MS = 1000;

/**
 * How long a poll listens at upstreams that have kept something for the session: at most in all, and once each of them
 * has begun its stream, in milliseconds.
 */
const POLL_HEARING_MS = 1000;
const POLL_QUIET_MS = 250;

const HEARTBEAT_MS = 10_000;

/** A legacy upstream that takes longer over a subscription is not waited for, in milliseconds. */
const RENEWAL_MS = 5000;

/** A renewal that has failed is tried again after this, in milliseconds. */
const RENEW_AGAIN_MS = 10_000;

export async function openListening(visit: Visit, scope: LegacyScope): Promise<Result<Delivery>> {
  const { listen } = visit.shared.config;
  if (listen === 'off') return fail({ kind: 'method-not-allowed', allow: 'POST, DELETE' });
  const listener = new Listener(visit, scope);
  const first = await firstLook(listener, listen !== 'poll');
  const body = listen === 'poll' ? listener.poll(first) : listener.hold(first, listen.holdSeconds * 1000);
  return succeed({ status: 200, headers: SSE_HEADERS, body: recorded(visit, scope, listener, body) });
}

/** Before the stream begins, so that a store that does not answer is an answer of its own. */
async function firstLook(listener: Listener, claims: boolean): Promise<Awaited<ReturnType<Listener['look']>>> {
  try {
    if (claims) await listener.claim();
    return await listener.look();
  } catch (error) {
    listener.span.end();
    throw error;
  }
}

/** Leaves one line in the action log, however the stream ends. */
async function* recorded(
  visit: Visit,
  { server, caller, session }: LegacyScope,
  listener: Listener,
  body: AsyncGenerator<string, void>,
): AsyncGenerator<string, void> {
  const recorder = visit.record(
    {
      era: 'legacy',
      caller: caller.key,
      session: session.key,
      server: server.name,
      method: 'GET',
      tool: null,
      bytesIn: visit.request.bodyBytes,
    },
    listener.span,
  );
  try {
    for await (const text of body) {
      recorder.sent(text);
      yield text;
    }
  } finally {
    const share = { upstream: null, waitedMs: 0, requests: listener.requests, attempts: 0 };
    recorder.finish({ outcome: 'ok', errorKind: null, status: 200 }, share);
  }
}

class Listener {
  readonly #visit: Visit;
  #scope: LegacyScope;
  #state: Listening = { told: undefined, listener: undefined, subscriptions: [], updates: [], positions: {} };
  /** How far upstreams had been heard at the last look. */
  #reached: HeardPositions = {};
  /** What this one has claimed to listen with; a poll, which is over at once, claims nothing. */
  #token: string | undefined;
  #counts: ListCounts = { tools: 0, prompts: 0, resources: 0 };
  #hearing: Hearing;
  /** By subscription and upstream session: when a renewal that does not succeed may be tried again. */
  readonly #renewed = new Map<string, number>();
  readonly #tally: UpstreamTally;
  /** By upstream: which session it was last listened to in, unless it was opened for that. */
  readonly #sessions = new Map<string, string>();

  constructor(visit: Visit, scope: LegacyScope) {
    this.#visit = visit;
    this.#scope = scope;
    this.#hearing = new Hearing(visit, 0);
    this.#tally = newTally({ span: visit.trace.root.begin('listen') });
  }

  /** Everything that is done for the stream. */
  get span(): Span {
    return this.#tally.span;
  }

  /** HTTP requests sent to upstreams. */
  get requests(): number {
    return this.#tally.cost.requests + this.#hearing.requests;
  }

  /**
   * On Lambda nobody sees a client go, and what is told to one that is gone is settled as told. A client that has come
   * back is listened for elsewhere, so that whoever claimed before ends.
   */
  async claim(): Promise<void> {
    const { stores, ports } = this.#visit;
    this.#token = ports.ids.random();
    await stores.listening.claim(this.#scope.session.key, this.#token, ports.clock.now() + SESSION_TTL_MS);
  }

  /** Whether the client listens elsewhere. */
  get #isSucceeded(): boolean {
    const { listener } = this.#state;
    return this.#token !== undefined && listener !== undefined && listener !== this.#token;
  }

  /** Whether whatever is told now reaches nobody: it is left to whoever listens next. */
  get #isOver(): boolean {
    return this.#isSucceeded || this.#signal?.aborted === true;
  }

  /** The events that there are to be told now. Once the client has them, `settle` says so. */
  async look(): Promise<readonly string[]> {
    const { listening } = this.#visit.stores;
    const { session, server } = this.#scope;
    [this.#state, this.#counts] = await Promise.all([listening.read(session.key), countsOf(this.#visit, server)]);
    if (this.#isOver) return [];
    const { told = this.#counts, subscriptions, updates } = this.#state;
    this.#reached = this.#hearing.positions;
    const heard = this.#hearing
      .takeUpdates()
      .filter(({ upstream, uri }) => subscriptions.some((one) => one.uri === uri && one.upstream === upstream));
    const uris = new Set([...updates, ...heard].map(({ uri }) => uri));
    const lists = changedSince(told, this.#counts);
    // The answer goes by its id, to whatever environment it is posted.
    const questions = this.#hearing
      .takeQuestions()
      .map(({ upstream, message }) => questionToClient(message.text, { upstream, idText: message.idText }));
    return [
      ...questions,
      ...lists.map((list) => listChangedText(list)),
      ...[...uris].map((uri) => updatedText(uri)),
    ].map((text) => sseEvent(text));
  }

  /** Writes nothing when nothing was told, except that the client has begun to listen. */
  async settle(): Promise<void> {
    const { listening } = this.#visit.stores;
    const { key } = this.#scope.session;
    const { told, updates } = this.#state;
    const isNews = told === undefined || changedSince(told, this.#counts).length > 0;
    const expiresAt = this.#visit.ports.clock.now() + SESSION_TTL_MS;
    await Promise.all([
      isNews ? listening.tell(key, this.#counts, expiresAt) : undefined,
      updates.length > 0 ? listening.clearUpdates(key, updates) : undefined,
      this.#keepReached(expiresAt),
    ]);
  }

  /** What upstreams have said up to there has been told, and whoever listens next asks them for the rest. */
  async #keepReached(expiresAt: number): Promise<void> {
    const { positions } = this.#state;
    const reached = { ...positions, ...this.#reached };
    const names = this.#scope.server.upstreams.map(({ name }) => name).filter((name) => Object.hasOwn(reached, name));
    if (names.every((name) => isSame(positions[name], reached[name]))) return;
    const kept = Object.fromEntries(names.map((name) => [name, reached[name]!]));
    this.#state = { ...this.#state, positions: kept };
    await this.#visit.stores.listening.reach(this.#scope.session.key, kept, expiresAt);
  }

  // ---------------------------------------------------------------------------------------------------------- poll

  async *poll(first: readonly string[]): AsyncGenerator<string, void> {
    try {
      yield this.#beginning;
      yield* this.#tell(first);
      await this.#hearForAMoment();
      if (this.#hearing.hasHeard) yield* this.#tell(await this.#lookAgain());
      else await this.#orNothing(() => this.#reachQuietly());
      yield retryField(POLL_AGAIN_MS);
    } finally {
      this.#hearing.end();
    }
  }

  /**
   * At legacy upstreams that the client session has a session on: only there can something wait for it. What a modern
   * upstream says while nobody listens is lost.
   */
  async #hearForAMoment(): Promise<void> {
    const { clock } = this.#visit.ports;
    const forMs = timeToListen(this.#visit, POLL_HEARING_MS);
    this.#hearing = new Hearing(this.#visit, forMs);
    const attached = this.#scope.server.upstreams.filter((upstream) => this.#attached(upstream) !== undefined);
    for (const upstream of attached) this.#listenAt(upstream, { lists: ANNOUNCED_LISTS, uris: this.#urisAt(upstream) });
    this.#renewSubscriptions();
    const until = clock.elapsed() + forMs;
    await this.#hearing.open(forMs, this.#signal);
    if (this.#hearing.isListening) await this.#hearing.quiet(POLL_QUIET_MS, until - clock.elapsed(), this.#signal);
  }

  /** An upstream may say from where it can be heard, and nothing else. */
  async #reachQuietly(): Promise<void> {
    if (this.#isOver) return;
    this.#reached = this.#hearing.positions;
    await this.#keepReached(this.#visit.ports.clock.now() + SESSION_TTL_MS);
  }

  // ---------------------------------------------------------------------------------------------------------- hold

  async *hold(first: readonly string[], wishedMs: number): AsyncGenerator<string, void> {
    const { clock } = this.#visit.ports;
    const holdMs = timeToListen(this.#visit, wishedMs);
    const endsAt = clock.elapsed() + holdMs;
    let beatsAt = clock.elapsed() + HEARTBEAT_MS;
    this.#hearing = new Hearing(this.#visit, holdMs);
    try {
      // Its headers are on their way before anything has to be told.
      yield HEARTBEAT + this.#beginning;
      yield* this.#tell(first);
      const telling = await tellingUpstreams(this.#visit, this.#scope, this.#tally);
      while (!this.#isOver && clock.elapsed() < endsAt) {
        this.#arrange(telling);
        const nextAt = Math.min(endsAt, beatsAt, clock.elapsed() + LOOK_MS);
        await this.#hearing.wait(nextAt - clock.elapsed(), this.#signal);
        if (this.#isOver) break;
        yield* this.#tell(await this.#lookAgain());
        if (this.#isOver || clock.elapsed() < beatsAt) continue;
        beatsAt = clock.elapsed() + HEARTBEAT_MS;
        if (!(await this.#isStillThere())) break;
        yield HEARTBEAT;
      }
      // Two streams of one client would otherwise end each other for ever, once a second.
      yield retryField(this.#isSucceeded ? POLL_AGAIN_MS : HOLD_AGAIN_MS);
    } finally {
      this.#hearing.end();
    }
  }

  /** Listens at every upstream that has something to tell, in the sessions that there are now. */
  #arrange(telling: readonly TellingUpstream[]): void {
    for (const { upstream, capabilities } of telling) {
      const lists = ANNOUNCED_LISTS.filter((list) => capabilities === undefined || tellsOf(capabilities, list));
      const uris = this.#urisAt(upstream);
      if (lists.length > 0 || uris.length > 0) this.#listenAt(upstream, { lists, uris });
      else this.#hearing.leave(upstream);
    }
    this.#renewSubscriptions();
  }

  /** A client session that was ended, by its client or by time, has nobody to tell anything. */
  async #isStillThere(): Promise<boolean> {
    const session = await this.#orNothing(() => this.#visit.stores.clientSessions.read(this.#scope.session.key));
    if (session === undefined) return false;
    if (session !== 'failed') this.#use(session);
    return true;
  }

  #use(session: ClientSession): void {
    for (const [name, own] of this.#visit.attached) {
      const inPlace = Object.hasOwn(session.upstreamSessions, name) ? session.upstreamSessions[name] : undefined;
      if (inPlace?.generation !== own.generation) this.#visit.attached.delete(name);
    }
    this.#scope = { ...this.#scope, session };
  }

  // -------------------------------------------------------------------------------------------------------- common

  get #beginning(): string {
    return idField(listeningId(this.#visit.ports.ids));
  }

  get #signal(): AbortSignal | undefined {
    return this.#visit.request.signal;
  }

  async *#tell(events: readonly string[]): AsyncGenerator<string, void> {
    if (this.#isOver) return;
    yield* events;
    if (this.#isOver) return;
    await this.#orNothing(() => this.settle());
  }

  async #lookAgain(): Promise<readonly string[]> {
    const events = await this.#orNothing(() => this.look());
    return events === 'failed' ? [] : events;
  }

  /** A store that does not answer now is asked again in a moment: the stream goes on. */
  async #orNothing<T>(work: () => Promise<T>): Promise<T | 'failed'> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      unexpectedFailure(this.#visit, error);
      return 'failed';
    }
  }

  #attached(upstream: ServerUpstream) {
    return this.#visit.attached.get(upstream.name) ?? attachedSession(this.#scope.session, upstream);
  }

  #urisAt(upstream: ServerUpstream): readonly string[] {
    return this.#state.subscriptions.filter((one) => one.upstream === upstream.name).map(({ uri }) => uri);
  }

  /** In the client session's own upstream session. */
  #listenAt(upstream: ServerUpstream, filter: ListenFilter): void {
    const { name } = upstream;
    // A session that was opened by listening is the one that is listened in.
    if (!this.#visit.attached.has(name)) this.#sessions.set(name, this.#attached(upstream)?.generation ?? '');
    const session = (deadline: Deadline) => ({
      keeper: keeperFor(this.#visit, this.#scope, upstream, deadline, this.#tally.span),
      subscribes: false,
      close: () => {},
    });
    const { positions } = this.#state;
    const heard = Object.hasOwn(positions, name) ? positions[name] : undefined;
    this.#hearing.listen({ upstream, filter, preferred: 'legacy', heard, session }, this.#sessions.get(name));
  }

  /** An upstream session that took the place of a lost one knows of no subscriptions. One that has succeeded is read. */
  #renewSubscriptions(): void {
    for (const subscription of this.#state.subscriptions) {
      const upstream = upstreamNamed(this.#scope.server, subscription.upstream);
      const generation = upstream && this.#attached(upstream)?.generation;
      if (upstream === undefined || generation === undefined || generation === subscription.generation) continue;
      const renewal = JSON.stringify([subscription.uri, generation]);
      const now = this.#visit.ports.clock.elapsed();
      if (now < (this.#renewed.get(renewal) ?? now)) continue;
      this.#renewed.set(renewal, now + RENEW_AGAIN_MS);
      this.#visit.defer(() => this.#renew(upstream, { ...subscription, generation }, subscription.generation));
    }
  }

  /** What the upstream refuses now has ended; what fails for another reason is still to be renewed. */
  async #renew(upstream: ServerUpstream, subscription: Subscription, replaces: string | null): Promise<void> {
    const visit = this.#visit;
    const deadline = startDeadline(visit.ports.clock, {
      totalMs: Math.min(upstream.config.timeoutMs, RENEWAL_MS),
      idleMs: undefined,
      endsAt: visit.invocation.endsAt,
    });
    const connection = connectionTools(visit, deadline, newTally(this.#tally));
    const keeper = { ...keeperFor(visit, this.#scope, upstream, deadline, this.#tally.span), canAsk: false };
    const eras = eraTools(visit, connection);
    try {
      const line = { work: visit, upstream, preferred: 'legacy', keeper, deadline, connection, eras } as const;
      const subscribed = await subscribeInSession(line, subscription.uri);
      const { key } = this.#scope.session;
      if (subscribed === 'made') await visit.stores.listening.renew(key, subscription, replaces);
      if (subscribed === 'refused')
        await visit.stores.listening.withdraw(key, { ...subscription, generation: replaces });
    } finally {
      deadline.stop();
    }
  }
}

function isSame(one: HeardPosition | undefined, other: HeardPosition | undefined): boolean {
  return one?.generation === other?.generation && one?.eventId === other?.eventId;
}
