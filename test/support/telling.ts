/**
 * Makes a listing upstream tell of changes: on the streams beside the calls of its sessions, and in the subscriptions of
 * modern clients. It takes `resources/subscribe`, and may keep what it has to say until somebody listens.
 */
import type { ServerResponse } from 'node:http';
import type { Asked, ListingUpstream } from './listing-upstream.ts';

/** JSON as tests look into it. */
type AnyJson = any;

interface Stream {
  readonly response: ServerResponse;
  readonly sessionId: string | undefined;
  /** Of a subscription. */
  readonly id?: unknown;
  readonly filter?: AnyJson;
}

const FILTERS: Readonly<Record<string, string>> = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
};

export interface Telling {
  /** Streams that are open now. */
  readonly streams: number;
  /** What legacy sessions have subscribed to, by session. */
  readonly subscribed: ReadonlyMap<string, ReadonlySet<string>>;
  /** Every filter of a subscription that was opened, in order. */
  readonly filters: readonly AnyJson[];
  /** For each stream beside the calls that was asked for, in order: the event after which it was to go on. */
  readonly resumedFrom: readonly (string | undefined)[];
  /** Resolves once so many streams are open. */
  open(count: number): Promise<void>;
  /** Tells everyone who listens, and wants to know; says how many those are. */
  tell(method: string, params?: object): number;
  updated(uri: string): number;
  /** Tells everyone who listens, whether they want to know or not. */
  shout(method: string, params: object): void;
  /** Keeps a message for a session until it is listened in. */
  queue(sessionId: string, method: string, params: object): void;
  /** As `queue`, with the event's id; without a method the event only says from where the stream can be resumed. */
  queueEvent(sessionId: string, eventId: string, method?: string, params?: object): void;
  /** Puts a question to everyone who listens in a session. */
  ask(method: string, id: string): void;
  /** Ends every stream beside the calls, as of the event of this id if there is one, and says after how long to come back. */
  cut(eventId?: string, retryMs?: number): void;
  /** Resolves when another stream has been opened, or one has ended. */
  changed(): Promise<void>;
}

export function startTelling(upstream: ListingUpstream): Telling {
  const streams = new Set<Stream>();
  const subscribed = new Map<string, Set<string>>();
  const queued = new Map<string, string[]>();
  const filters: AnyJson[] = [];
  const resumedFrom: (string | undefined)[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const one of waiting) one();
    waiting.clear();
  };
  const begin = (stream: Stream): void => {
    streams.add(stream);
    stream.response.once('close', () => {
      streams.delete(stream);
      wake();
    });
    stream.response.writeHead(200, { 'content-type': 'text/event-stream' });
    stream.response.flushHeaders();
  };

  upstream.onStream = ({ response, sessionId, headers }) => {
    resumedFrom.push(headers['last-event-id']?.toString());
    // As servers of the SDK do.
    if ([...streams].some((stream) => stream.filter === undefined && stream.sessionId === sessionId)) {
      response.writeHead(409, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message: 'Only one stream' }, id: null }));
      return;
    }
    begin({ response, sessionId });
    for (const text of queued.get(sessionId ?? '') ?? []) response.write(text);
    queued.delete(sessionId ?? '');
    wake();
  };
  upstream.on('subscriptions/listen', ({ response, message }: Asked) => {
    const { id, params } = message;
    filters.push(params.notifications);
    begin({ response, sessionId: undefined, id, filter: params.notifications });
    const acknowledged = tagged({ notifications: params.notifications }, id);
    response.write(event('notifications/subscriptions/acknowledged', acknowledged));
    wake();
  });
  const urisOf = (sessionId = ''): Set<string> => {
    const uris = subscribed.get(sessionId) ?? new Set<string>();
    subscribed.set(sessionId, uris);
    return uris;
  };
  upstream.on('resources/subscribe', ({ sessionId, params, answer }) => {
    urisOf(sessionId).add(params.uri);
    answer({});
  });
  upstream.on('resources/unsubscribe', ({ sessionId, params, answer }) => {
    urisOf(sessionId).delete(params.uri);
    answer({});
  });

  const wants = ({ sessionId, filter }: Stream, method: string, uri: string | undefined): boolean => {
    if (filter === undefined) return uri === undefined || urisOf(sessionId).has(uri);
    if (uri === undefined) return filter[FILTERS[method] ?? ''] === true;
    const uris: readonly string[] = filter.resourceSubscriptions ?? [];
    return uris.includes(uri);
  };
  const telling: Telling = {
    get streams() {
      return streams.size;
    },
    subscribed,
    filters,
    resumedFrom,
    cut(eventId, retryMs) {
      const retry = retryMs === undefined ? '' : `retry: ${retryMs}\n`;
      for (const { response, filter } of streams) {
        if (filter === undefined) response.end(eventId === undefined ? '' : `id: ${eventId}\n${retry}data: \n\n`);
      }
    },
    async open(count) {
      while (streams.size !== count) await telling.changed();
    },
    changed: () => new Promise((resolve) => waiting.add(resolve)),
    tell(method, params: AnyJson) {
      const listeners = [...streams].filter((stream) => wants(stream, method, params?.uri));
      for (const { response, id } of listeners) {
        response.write(event(method, id === undefined ? params : tagged(params, id)));
      }
      return listeners.length;
    },
    shout(method, params) {
      for (const { response, id } of streams)
        response.write(event(method, id === undefined ? params : tagged(params, id)));
    },
    updated: (uri) => telling.tell('notifications/resources/updated', { uri }),
    queue(sessionId, method, params) {
      queued.set(sessionId, [...(queued.get(sessionId) ?? []), event(method, params)]);
    },
    queueEvent(sessionId, eventId, method, params) {
      const text = method === undefined ? 'data: \n\n' : event(method, params);
      queued.set(sessionId, [...(queued.get(sessionId) ?? []), `id: ${eventId}\n${text}`]);
    },
    ask(method, id) {
      const text = JSON.stringify({ jsonrpc: '2.0', id, method, params: {} });
      for (const { response, filter } of streams) if (filter === undefined) response.write(`data: ${text}\n\n`);
    },
  };
  return telling;
}

function tagged(params: object | undefined, id: unknown): object {
  return { ...params, _meta: { 'io.modelcontextprotocol/subscriptionId': id } };
}

function event(method: string, params: object | undefined): string {
  const message = { jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) };
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}
