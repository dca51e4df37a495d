/** Listening at one upstream, once: what it takes, and how it went. */
import type { ServerUpstream } from '../catalog/plan.ts';
import type { Deadline } from '../policies/deadline.ts';
import type { HeardPosition } from '../ports/listening.ts';
import { acknowledgedUris, filterParams, type ListenFilter } from '../protocol/announcements.ts';
import type { Era } from '../protocol/era.ts';
import { JSON_RPC, requestText } from '../protocol/message.ts';
import type { NotificationMessage, RequestMessage } from '../protocol/message.ts';
import type { UpstreamTally } from '../upstream/fault.ts';
import type { SessionKeeper } from '../upstream/legacy.ts';
import { listenInSession } from '../upstream/session-stream.ts';
import { ownRequest } from './fetching.ts';
import { callUpstream, type Line, type UpstreamRequest } from './upstream-call.ts';
import type { Work } from './work.ts';

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

export type Take = (message: NotificationMessage | RequestMessage) => void;

/** How an attempt to listen went. */
export type Heard = 'unserved' | 'lost' | 'over';

export interface Stream {
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
  /** The upstream wants it left alone for so long once it has ended (2025-11-25, basic/transports, `retry`); in milliseconds. */
  retryMs: number | undefined;
  readonly deadline: Deadline;
  readonly tally: UpstreamTally;
  /** Goes on until this one is open: what is said meanwhile is heard twice rather than not at all. */
  replaces: Stream | undefined;
}

/** Whether a stream brings what is to be listened for now. */
export function hearsAsWell({ inSession, ear: { filter } }: Stream, ear: Ear): boolean {
  return inSession || JSON.stringify(filter) === JSON.stringify(ear.filter);
}

/** Undefined once it has turned out to be a legacy upstream, in which a session is in place now. */
export async function listenAsModern(
  line: Line,
  stream: Stream,
  onOpen: () => void,
  take: Take,
): Promise<Heard | undefined> {
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

export async function listenAsLegacy(
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
      case 'retry':
        stream.retryMs = event.ms;
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
