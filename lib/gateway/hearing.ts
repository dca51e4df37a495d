/**
 * Listens at upstreams while somebody listens to the gateway: in a modern upstream's own subscription, or on the stream
 * beside the calls of a session on a legacy one. A change of a list is counted, for everyone; an update of a resource is
 * for whoever made this. An upstream that fails is tried again after a while, and nobody is told.
 */
import type { ServerUpstream } from '../catalog/plan.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import type { HeardPosition, HeardPositions } from '../ports.ts';
import { acknowledgedUris, filterParams, type ListenFilter } from '../protocol/announcements.ts';
import type { Era } from '../protocol/era.ts';
import { JSON_RPC, requestText } from '../protocol/message.ts';
import type { NotificationMessage, RequestMessage } from '../protocol/message.ts';
import { listsChangedBy } from '../protocol/methods.ts';
import { newTally, type UpstreamTally } from '../upstream/fault.ts';
import type { SessionKeeper } from '../upstream/legacy.ts';
import { listenInSession } from '../upstream/session-stream.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { unexpectedFailure } from './ending.ts';
import { ownRequest } from './fetching.ts';
import { noteChange } from './keeping.ts';
import { updatedBy } from './news.ts';
import { callUpstream, type Line, type UpstreamRequest } from './upstream-call.ts';
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

/** What to listen for at an upstream, and in which session. */
export interface Ear {
  readonly upstream: ServerUpstream;
  readonly filter: ListenFilter;
  /** The era that is tried first. */
  readonly preferred: Era;
  /** How far an upstream session was heard before, by whomever. */
  readonly heard?: HeardPosition | undefined;
  /** One for each time that the stream is opened; closed after it. */
  readonly session: (deadline: Deadline) => HearingSession;
}

export interface HearingSession {
  readonly keeper: SessionKeeper;
  /** Whether a legacy upstream has to be told in this session what there is to listen for. */
  readonly subscribes: boolean;
  readonly close: () => void;
}

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

type Take = (message: NotificationMessage | RequestMessage) => void;

/** How an attempt to listen went. */
type Heard = 'unserved' | 'lost' | 'over';

interface Stream {
  /** What it listens for now, and in which session. */
  ear: Ear;
  /** Names everything that decides how, beside the filter. */
  readonly how: string;
  /** On the stream beside the calls of a session, which brings whatever the session has subscribed to. */
  inSession: boolean;
  /** When it was opened; undefined while it is not. */
  openedAt: number | undefined;
  /** By URI: whether the upstream has agreed to tell of the resource, as far as it has said. */
  readonly accepted: Map<string, boolean>;
  /** The last event that was read there, and in which session. */
  position: HeardPosition | undefined;
  readonly deadline: Deadline;
  readonly tally: UpstreamTally;
  /** Goes on until this one is open: what is said meanwhile is heard twice rather than not at all. */
  replaces: Stream | undefined;
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
      deadline,
      tally: newTally(),
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
      await this.#rest(pauseMs, deadline.signal);
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

/** Whether a stream brings what is to be listened for now. */
function hearsAsWell({ inSession, ear: { filter } }: Stream, ear: Ear): boolean {
  return inSession || JSON.stringify(filter) === JSON.stringify(ear.filter);
}

/** Undefined once it has turned out to be a legacy upstream, in which a session is in place now. */
async function listenAsModern(line: Line, stream: Stream, onOpen: () => void, take: Take): Promise<Heard | undefined> {
  const { filter } = stream.ear;
  for await (const event of callUpstream(line, listenRequest(line.work, filter))) {
    switch (event.kind) {
      case 'interim':
        // It acknowledges first.
        for (const uri of acknowledgedUris(event.message))
          if (filter.uris.includes(uri)) stream.accepted.set(uri, true);
        onOpen();
        if (event.message.kind === 'notification') take(event.message);
        continue;
      case 'opened':
        continue;
      case 'final':
        return 'error' in event.response.body && event.response.body.error.code === JSON_RPC.methodNotFound
          ? 'unserved'
          : 'over';
      case 'end':
        return 'over';
      case 'failure':
        return event.failure.kind === 'era-lacking' || event.failure.kind === 'session-unknown' ? 'unserved' : 'over';
    }
  }
  return undefined;
}

async function listenAsLegacy(
  line: Line,
  stream: Stream,
  subscribes: boolean,
  onOpen: () => void,
  take: Take,
): Promise<Heard> {
  const session = await line.keeper.current();
  // The stream of an HTTP+SSE server ended with the session that was opened on it.
  if (session === undefined) return 'unserved';
  if (subscribes && !(await subscribeToAll(line, stream))) return 'over';
  // A session that is told with each stream what there is to listen for is told of nothing else.
  stream.inSession = !subscribes;
  const { generation } = session;
  const after = stream.position?.generation === generation ? stream.position.eventId : undefined;
  const { canAsk } = line.keeper;
  for await (const event of listenInSession(line.upstream, session, canAsk, after, line.connection)) {
    switch (event.kind) {
      case 'open':
        onOpen();
        continue;
      case 'position':
        stream.position = { generation, eventId: event.eventId };
        continue;
      case 'end':
        if (event.why === 'lost') return await replaceSession(line);
        if (event.why !== 'refused') return event.why;
        // It may not know the event any more, and is asked without one the next time.
        stream.position = undefined;
        return 'over';
      default:
        take(event.message);
    }
  }
  return 'over';
}

/** What became of a subscription. */
export type Subscribed = 'made' | 'refused' | 'failed';

/** Subscribes to a resource in the upstream session that is in place. */
export async function subscribeInSession(line: Line, uri: string): Promise<Subscribed> {
  const request = {
    ...nothingModern(line.work),
    legacy: (id: string) => requestText(id, 'resources/subscribe', { uri }),
  };
  for await (const event of callUpstream(unasked(line), request)) {
    if (event.kind !== 'final') continue;
    if ('error' in event.response.body) return 'refused';
    // A modern upstream has only said what it is.
    return event.era === 'legacy' ? 'made' : 'failed';
  }
  return 'failed';
}

/** False when the upstream cannot be told of everything now. What it refuses is not asked for again. */
async function subscribeToAll(line: Line, stream: Stream): Promise<boolean> {
  for (const uri of stream.ear.filter.uris) {
    if (stream.accepted.get(uri) === false) continue;
    const subscribed = await subscribeInSession(line, uri);
    if (subscribed === 'failed') return false;
    stream.accepted.set(uri, subscribed === 'made');
  }
  return true;
}

/** A call has its session replaced when the upstream does not know it. */
async function replaceSession(line: Line): Promise<Heard> {
  const request = { ...nothingModern(line.work), legacy: (id: string) => requestText(id, 'ping', {}) };
  for await (const event of callUpstream(unasked(line), request)) if (event.kind === 'final') break;
  return 'lost';
}

/** In the session that is in place; what is asked by the way is nobody's to answer. */
function unasked(line: Line): Line {
  return { ...line, preferred: 'legacy', keeper: { ...line.keeper, canAsk: false } };
}

/** An upstream that turns out to speak the modern era after all is only asked what it is. */
function nothingModern(work: Work): Pick<UpstreamRequest, 'modern'> {
  return { modern: ownRequest(work, 'server/discover', {}) };
}

function listenRequest(work: Work, filter: ListenFilter): UpstreamRequest {
  const params = { notifications: filterParams(filter) };
  return { modern: ownRequest(work, 'subscriptions/listen', params), legacy: undefined };
}
