/** The stream of events, and whether it is there. */
import type { FeedEvents } from '../feed.ts';
import { readJson } from './feed-text.ts';
import type { FeedEvent } from './state.ts';

export type Connection = 'connecting' | 'live' | 'reconnecting';

export interface FeedListener {
  onEvent(event: FeedEvent): void;
  onConnection(connection: Connection): void;
}

const NAMES: Readonly<Record<keyof FeedEvents, null>> = {
  snapshot: null,
  action: null,
  notice: null,
  environment: null,
  trace: null,
  state: null,
};

/** After an answer that is no stream, with which an `EventSource` gives up. */
const AGAIN_AFTER_MS = 3000;

/** Listens until the function that it returns is called. The browser reconnects by itself. */
export function openFeed(url: string, listener: FeedListener): () => void {
  let source: EventSource;
  let again: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(url);
    source.addEventListener('open', () => listener.onConnection('live'));
    source.addEventListener('error', () => {
      listener.onConnection('reconnecting');
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_AFTER_MS);
    });
    for (const name of Object.keys(NAMES)) {
      source.addEventListener(name, ({ data }: MessageEvent<string>) =>
        listener.onEvent({ name, data: readJson(data) } as FeedEvent),
      );
    }
  };
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}
