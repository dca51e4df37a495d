/**
 * Listens at upstreams while somebody listens to the gateway: in a modern upstream's own subscription, or on the stream
 * beside the calls of a session on a legacy one. A change of a list is counted, for everyone; an update of a resource is
 * for whoever made this. An upstream that fails is tried again after a while, and nobody is told.
 */
import type { ServerUpstream } from '../catalog/plan.ts';
import { startDeadline } from '../policies/deadline.ts';
import type { HeardPositions } from '../ports/listening.ts';
import type { NotificationMessage, RequestMessage } from '../protocol/message.ts';
import { listsChangedBy } from '../protocol/methods.ts';
import { newTally } from '../upstream/fault.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { hearsAsWell, listenAsLegacy, listenAsModern, type Ear, type Heard, type Stream, type Take } from './ear.ts';
import { unexpectedFailure } from './ending.ts';
import { noteChange } from './changes.ts';
import { updatedBy } from './news.ts';
import type { Work } from './work.ts';

/** A stream that has ended is opened again after this pause, which doubles while the upstream says nothing; in milliseconds. */
const PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/** However much upstreams have to say, it is looked at this seldom, in milliseconds. */
const REST_MS = 250;

/** More resources than these cannot change at an upstream between two looks. */
const MAX_UPDATED = 1000;

/** So many questions may wait for the next look. */
const MAX_QUESTIONS = 20;

/** What an upstream asks the client beside its calls. */
export interface HeardQuestion {
  readonly upstream: string;
  readonly message: RequestMessage;
}

/** A resource has changed, says an upstream. */
export interface HeardUpdate {
  readonly upstream: string;
  readonly uri: string;
}

export class Hearing {
  readonly #work: Work;
  readonly #untilMs: number;
  /** By upstream. */
  readonly #streams = new Map<string, Stream>();
  /** URIs of resources, by upstream. */
  readonly #updated = new Map<string, Set<string>>();
  readonly #questions: HeardQuestion[] = [];
  readonly #opening = new Set<Stream>();
  /** Their upstreams have nothing of the kind. */
  readonly #unserved = new Set<Stream>();
  readonly #waiting = new Set<() => void>();
  #news = false;
  #hasHeard = false;
  #requests = 0;
  #restsUntil = 0;

  /** `forMs`: for how long at most, from now on. */
  constructor(work: Work, forMs: number) {
    this.#work = work;
    this.#untilMs = work.ports.clock.elapsed() + forMs;
    this.#restsUntil = work.ports.clock.elapsed();
  }

  /** HTTP requests sent to upstreams. */
  get requests(): number {
    return [...this.#streams.values()].reduce((sum, { tally }) => sum + tally.cost.requests, this.#requests);
  }

  /** Whether every stream that was begun has been opened, or has failed. */
  get isOpen(): boolean {
    return this.#opening.size === 0;
  }

  /** Whether some stream is there, or may be there again. */
  get isListening(): boolean {
    return [...this.#streams.values()].some((stream) => !this.#unserved.has(stream));
  }

  /** Whether anything was announced so far. */
  get hasHeard(): boolean {
    return this.#hasHeard;
  }

  /**
   * Listens at the upstream from now on, unless it does so already in the same way; `how` names everything that decides
   * that beside the filter.
   */
  listen(ear: Ear, how = ''): void {
    const { upstream } = ear;
    const before = this.#streams.get(upstream.name);
    if (before !== undefined && before.how === how && hearsAsWell(before, ear)) {
      before.ear = ear;
      return;
    }
    const { clock } = this.#work.ports;
    const deadline = startDeadline(clock, {
      totalMs: Math.max(0, this.#untilMs - clock.elapsed()),
      idleMs: undefined,
      endsAt: this.#work.invocation.endsAt,
    });
    const stream: Stream = {
      ear,
      how,
      inSession: false,
      openedAt: undefined,
      accepted: new Map(),
      position: ear.heard,
      retryMs: undefined,
      deadline,
      tally: newTally({ span: this.#work.trace.root }),
      replaces: before,
    };
    this.#streams.set(upstream.name, stream);
    this.#opening.add(stream);
    this.#work.defer(() => this.#hear(stream));
  }

  /** Does not listen there any more. */
  leave(upstream: ServerUpstream): void {
    const stream = this.#streams.get(upstream.name);
    if (stream === undefined) return;
    this.#streams.delete(upstream.name);
    this.#stop(stream);
  }

  /** How far upstreams have been heard that can be heard from there on. */
  get positions(): HeardPositions {
    const reached = [...this.#streams].flatMap(([upstream, { position }]) =>
      position === undefined ? [] : [[upstream, position] as const],
    );
    return Object.fromEntries(reached);
  }

  /** The resources that have changed since this was last asked, by the word of each upstream, whoever wants to know. */
  takeUpdates(): readonly HeardUpdate[] {
    const taken = [...this.#updated].flatMap(([upstream, uris]) => [...uris].map((uri) => ({ upstream, uri })));
    this.#updated.clear();
    return taken;
  }

  /** Whether some upstream has agreed to tell of the resource. */
  accepts(uri: string): boolean {
    return [...this.#streams.values()].some(({ accepted }) => accepted.get(uri) === true);
  }

  /** What is to be asked of whoever listens. */
  takeQuestions(): readonly HeardQuestion[] {
    return this.#questions.splice(0);
  }

  /** Resolves when every stream that was begun has been opened, or has failed, or when `ms` have passed. */
  async open(ms: number, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#work.ports;
    const until = clock.elapsed() + ms;
    while (!this.isOpen && clock.elapsed() < until && !isAborted(signal))
      await this.#sleep(until - clock.elapsed(), signal);
  }

  /** Resolves once nothing has been said for so long, in milliseconds, and after `ms` at the latest. */
  async quiet(quietMs: number, ms: number, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#work.ports;
    const until = clock.elapsed() + ms;
    while (clock.elapsed() < until && !isAborted(signal)) {
      const quietAt = Math.min(until, clock.elapsed() + quietMs);
      this.#news = false;
      await this.#sleep(quietAt - clock.elapsed(), signal);
      if (clock.elapsed() >= quietAt) return;
    }
  }

  /** Resolves when there may be something new to tell, or `ms` have passed; not too often, whatever upstreams say. */
  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#work.ports;
    if (!this.#news) await this.#sleep(ms, signal);
    const restMs = this.#restsUntil - clock.elapsed();
    this.#news = false;
    if (restMs > 0) await this.#rest(restMs, signal);
    this.#news = false;
    this.#restsUntil = clock.elapsed() + REST_MS;
  }

  /** Until something is said or opened. */
  async #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const woken = Promise.withResolvers<void>();
    this.#waiting.add(woken.resolve);
    await this.#until(woken, ms, signal);
    this.#waiting.delete(woken.resolve);
  }

  #rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#until(Promise.withResolvers<void>(), ms, signal);
  }

  async #until(woken: PromiseWithResolvers<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const wake = (): void => woken.resolve();
    if (isAborted(signal)) return;
    signal?.addEventListener('abort', wake, { once: true });
    const stopTimer = this.#work.ports.clock.schedule(ms, wake);
    await woken.promise;
    stopTimer();
    signal?.removeEventListener('abort', wake);
  }

  /** Ends every stream. */
  end(): void {
    for (const stream of this.#streams.values()) this.#stop(stream);
    this.#streams.clear();
  }

  #stop(stream: Stream): void {
    const { deadline, tally, replaces } = stream;
    if (replaces !== undefined) this.#stop(replaces);
    stream.replaces = undefined;
    this.#requests += tally.cost.requests;
    deadline.cancel();
    deadline.stop();
  }

  #wake(): void {
    this.#news = true;
    for (const wake of this.#waiting) wake();
  }

  /** Or failed, which is known as well. */
  #known(stream: Stream): void {
    const { replaces } = stream;
    stream.replaces = undefined;
    if (replaces !== undefined) this.#stop(replaces);
    if (this.#opening.delete(stream)) this.#wake();
  }

  /** Never rejects: whatever goes wrong with an upstream is nobody else's trouble. */
  async #hear(stream: Stream): Promise<void> {
    const { deadline } = stream;
    const { clock } = this.#work.ports;
    let pauseMs = PAUSE_MS;
    while (deadline.expiry() === undefined) {
      let hasSpoken = false;
      stream.openedAt = undefined;
      const heard = await this.#hearOnce(stream, (message) => {
        hasSpoken = true;
        if (message.kind === 'notification') this.#take(stream.ear, message);
        else this.#ask(stream.ear, message);
      });
      if (heard === 'unserved') this.#unserved.add(stream);
      this.#known(stream);
      if (heard === 'unserved') return;
      const livedMs = stream.openedAt === undefined ? 0 : clock.elapsed() - stream.openedAt;
      if (hasSpoken || livedMs > pauseMs) pauseMs = PAUSE_MS;
      await this.#rest(Math.max(pauseMs, stream.retryMs ?? 0), deadline.signal);
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
    }
  }

  async #hearOnce(stream: Stream, take: Take): Promise<Heard> {
    const work = this.#work;
    const { deadline, tally, ear } = stream;
    const { upstream, preferred } = ear;
    const session = ear.session(deadline);
    const connection = connectionTools(work, deadline, tally);
    const eras = eraTools(work, connection);
    const line = { work, upstream, preferred, keeper: session.keeper, deadline, connection, eras };
    const onOpen = (): void => {
      stream.openedAt ??= work.ports.clock.elapsed();
      this.#known(stream);
    };
    stream.inSession = false;
    try {
      return (
        (await listenAsModern(line, stream, onOpen, take)) ??
        (await listenAsLegacy(line, stream, session.subscribes, onOpen, take))
      );
    } catch (error) {
      if (deadline.expiry() === undefined) unexpectedFailure(work, error);
      return 'over';
    } finally {
      session.close();
    }
  }

  #ask({ upstream }: Ear, message: RequestMessage): void {
    // Who asks more than anyone would answer is not heard.
    if (this.#questions.length === MAX_QUESTIONS) return;
    this.#questions.push({ upstream: upstream.name, message });
    this.#hasHeard = true;
    this.#wake();
  }

  #take({ upstream, filter }: Ear, message: NotificationMessage): void {
    const lists = listsChangedBy(message.method);
    if (lists.length > 0) this.#hasHeard = true;
    noteChange(this.#work, upstream, lists, () => this.#wake());
    const uri = updatedBy(message);
    if (uri === undefined) return;
    const updated = this.#updated.get(upstream.name) ?? new Set();
    this.#updated.set(upstream.name, updated);
    if (updated.size < MAX_UPDATED) updated.add(uri);
    // A client may have subscribed to another one in the meantime, which is found out with the next look.
    if (!filter.uris.includes(uri)) return;
    this.#hasHeard = true;
    this.#wake();
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
