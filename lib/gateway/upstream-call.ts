/**
 * One request to one upstream, in whichever era the upstream speaks: the client's own if it has that, the other one
 * otherwise. What is learned of the upstream on the way is remembered.
 */
import type { ServerUpstream } from '../catalog/plan.ts';
import type { Failure } from '../errors.ts';
import type { Deadline } from '../policies/deadline.ts';
import type { UpstreamTransportName } from '../ports/upstream-eras.ts';
import type { Era } from '../protocol/era.ts';
import { forget, hasUnlearned, lacksLegacy, learn, legacyTransport } from '../upstream/eras.ts';
import { modernVersions, modernVersionsAtHand, type EraOutcome, type EraTools } from '../upstream/eras.ts';
import type { UpstreamEvent } from '../upstream/exchange.ts';
import { callLegacy, UNKEPT, type LegacyBody, type SessionKeeper } from '../upstream/legacy.ts';
import type { SessionOpened, SessionRefused } from '../upstream/legacy.ts';
import { endOfRefusal } from '../upstream/session.ts';
import { callModern, type ModernRequest } from '../upstream/modern.ts';
import type { ConnectionTools } from '../upstream/streamable-http.ts';
import type { Work } from './work.ts';

/** A request that can be written in either era. */
export interface UpstreamRequest {
  readonly modern: ModernRequest;
  /** Undefined to open a session and no more. */
  readonly legacy: LegacyBody | undefined;
}

/** How an upstream is spoken to, on somebody's behalf. */
export interface Line {
  readonly work: Work;
  readonly upstream: ServerUpstream;
  /** The era that is tried first. */
  readonly preferred: Era;
  readonly keeper: SessionKeeper;
  readonly deadline: Deadline;
  readonly connection: ConnectionTools;
  readonly eras: EraTools;
}

/** What a call brings forth, and the era in which it was said; `replayed` when that was to an earlier call. */
export type CallEvent = (UpstreamEvent | SessionOpened) & { readonly era: Era; readonly replayed?: true };

export interface CallFailure {
  readonly kind: 'failure';
  readonly failure: Failure;
}

/** The upstream showed not to speak the era; nothing was executed. */
interface NotSpoken {
  readonly kind: 'not-spoken';
  /** What it said to `initialize`. */
  readonly refusal?: SessionRefused['refusal'];
}

/** Exactly one `final`, `end` or `failure` comes last, unless only a session was to be opened. Rejects with what the stores and the deadline throw. */
export async function* callUpstream(
  line: Line,
  request: UpstreamRequest,
): AsyncGenerator<CallEvent | CallFailure, void> {
  const inEra = (era: Era) => (era === 'modern' ? inModern(line, request) : inLegacy(line, request));
  const first = await firstEra(line);
  const refused = yield* inEra(first);
  if (refused === undefined) return;
  let refusal = refused.refusal;
  if (line.upstream.config.era === 'auto') {
    const second = yield* provingLack(line, first, inEra(first === 'modern' ? 'legacy' : 'modern'));
    if (second === undefined) return;
    refusal ??= second.refusal;
  }
  // An upstream that says why it opens no session has a better reason than its era.
  yield refusal === undefined
    ? { kind: 'failure', failure: { kind: 'era-lacking', upstream: line.upstream.name } }
    : { kind: 'end', end: endOfRefusal(refusal), era: 'legacy' };
}

/** The era to begin with: a session in place is proof of its era; without one, the memory decides. */
async function firstEra({ work, deadline, upstream, preferred, keeper, eras }: Line): Promise<Era> {
  const { era } = upstream.config;
  if (era !== 'auto') return era;
  if (preferred === 'modern' || (await keeper.current()) !== undefined) return preferred;
  return (await work.within(deadline, lacksLegacy(upstream, eras))) ? 'modern' : 'legacy';
}

/**
 * That an upstream lacks an era is remembered once it has spoken the other one: something that is no MCP server at the
 * moment may be one again in the next.
 */
async function* provingLack(
  { upstream, eras }: Line,
  lacking: Era,
  events: AsyncGenerator<CallEvent | CallFailure, NotSpoken | undefined>,
): AsyncGenerator<CallEvent | CallFailure, NotSpoken | undefined> {
  let proven = false;
  try {
    for (;;) {
      const next = await events.next();
      if (next.done === true) return next.value;
      if (!proven && next.value.kind !== 'end' && next.value.kind !== 'failure') {
        proven = true;
        learn(upstream, { versions: { [lacking]: [] } }, eras);
      }
      yield next.value;
    }
  } finally {
    await events.return(undefined);
  }
}

async function* inModern(
  line: Line,
  request: UpstreamRequest,
): AsyncGenerator<CallEvent | CallFailure, NotSpoken | undefined> {
  const { work, deadline, upstream, connection, eras } = line;
  const offered = await offeredVersions(line);
  if (offered.kind === 'end') {
    yield { ...offered, era: 'modern' };
    return undefined;
  }
  if (offered.versions.length === 0) return { kind: 'not-spoken' };
  for await (const event of callModern(upstream, request.modern, work.ports.ids, connection)) {
    if (event.kind !== 'era-wrong') {
      yield { ...event, era: 'modern' };
    } else if (await work.within(deadline, hasUnlearned(upstream, eras))) {
      forget(upstream, 'modern', eras);
      // What a server without the era was sent has not been executed.
      connection.tally.sent = false;
      return { kind: 'not-spoken' };
    } else {
      yield { ...event.otherwise, era: 'modern' };
    }
  }
  return undefined;
}

/** Most calls find them in memory, and need not wait. */
async function offeredVersions({ work, deadline, upstream, eras }: Line): Promise<EraOutcome> {
  const versions = deadline.expiry() === undefined ? modernVersionsAtHand(upstream, eras) : undefined;
  return versions === undefined
    ? await work.within(deadline, modernVersions(upstream, eras))
    : { kind: 'known', versions };
}

async function* inLegacy(
  line: Line,
  request: UpstreamRequest,
): AsyncGenerator<CallEvent | CallFailure, NotSpoken | undefined> {
  const { transport: configured } = line.upstream.config;
  const known = await transportOf(line);
  const overFirst = known === 'sse' ? overSse(line, request) : overHttp(line, request);
  const refused = yield* overFirst;
  if (refused === undefined || configured !== undefined) return refused;
  if (known !== 'sse' && !maySpeakSse(refused)) return refused;
  // Not known, or known no more.
  const other = yield* known === 'sse' ? overHttp(line, request) : overSse(line, request, refused);
  return other && refused;
}

/** How servers of 2024-11-05 turn a POST to their stream away (2025-11-25, basic/transports, "Backwards Compatibility"). */
function maySpeakSse({ refusal }: NotSpoken): boolean {
  return refusal !== undefined && [400, 404, 405].includes(refusal.status);
}

/** A session in place was opened over Streamable HTTP: those of HTTP+SSE end with their call. */
async function transportOf({ work, deadline, upstream, preferred, keeper, eras }: Line) {
  const { transport } = upstream.config;
  if (transport !== undefined) return transport;
  const isOpen = preferred === 'legacy' && (await keeper.current()) !== undefined;
  return isOpen ? 'http' : await work.within(deadline, legacyTransport(upstream, eras));
}

/** Streamable HTTP. */
async function* overHttp(
  line: Line,
  request: UpstreamRequest,
): AsyncGenerator<CallEvent | CallFailure, NotSpoken | undefined> {
  const { work, upstream, connection, keeper } = line;
  const learning = { ...keeper, attach: learningAttach(line, 'http', keeper.attach) };
  for await (const event of callLegacy(upstream, request.legacy, learning, work.ports.ids, connection)) {
    if (event.kind === 'session-gone') yield { kind: 'failure', failure: { kind: 'session-unknown' } };
    else if (event.kind !== 'session-refused') yield { ...event, era: 'legacy' };
    else return { kind: 'not-spoken', refusal: event.refusal };
  }
  return undefined;
}

/**
 * HTTP+SSE (2024-11-05): the stream is the session, and belongs to this call. The client cannot be asked anything, as
 * its answer may reach an environment without the stream. `refusedBefore` is how Streamable HTTP was turned away.
 */
async function* overSse(
  line: Line,
  request: UpstreamRequest,
  refusedBefore?: NotSpoken,
): AsyncGenerator<CallEvent | CallFailure, NotSpoken | undefined> {
  const { work, upstream, connection, keeper } = line;
  const { openSseChannel } = await import('../upstream/http-sse.ts');
  const opened = await openSseChannel(upstream, connection);
  if (opened.kind === 'not-sse') return { kind: 'not-spoken' };
  if (opened.kind === 'end') {
    // One that has given a reason before, and then nothing that looks like a stream, meant what it said.
    if (refusedBefore !== undefined && line.deadline.expiry() === undefined) return refusedBefore;
    yield { ...opened, era: 'legacy' };
    return undefined;
  }
  const { channel } = opened;
  const overChannel: ConnectionTools = { ...connection, post: channel.post };
  const ofThisCall: SessionKeeper = {
    ...keeper,
    identity: { ...keeper.identity, clientCapabilities: {} },
    current: async () => undefined,
    attach: learningAttach(line, 'sse', async () => ({ kind: 'attached' })),
    ...UNKEPT,
    latestLogLevel: async () => keeper.logLevel,
    endsWithCall: false,
    canAsk: false,
  };
  try {
    for await (const event of callLegacy(upstream, request.legacy, ofThisCall, work.ports.ids, overChannel)) {
      if (event.kind === 'session-refused') return { kind: 'not-spoken', refusal: event.refusal };
      if (event.kind !== 'session-gone') yield { ...event, era: 'legacy' };
    }
    return undefined;
  } finally {
    channel.close();
  }
}

/** An upstream that opens a session speaks the legacy era. */
function learningAttach(
  { upstream, eras }: Line,
  transport: UpstreamTransportName,
  attach: SessionKeeper['attach'],
): SessionKeeper['attach'] {
  return async (session, replaces) => {
    if (upstream.config.era === 'auto' || upstream.config.transport === undefined) {
      learn(upstream, { versions: { legacy: [session.protocolVersion] }, transport }, eras);
    }
    return attach(session, replaces);
  };
}
