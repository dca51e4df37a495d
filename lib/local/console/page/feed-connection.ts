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

/**
 * Listens until the function that it returns is called, and only while the page can be seen: browsers give all pages of an
 * origin together six connections, so that a few forgotten tabs would leave none for the next one. What a page misses is in
 * the snapshot that it begins with again. After a break the browser reconnects by itself.
 */
export function openFeed(url: string, listener: FeedListener): () => void {
  let source: EventSource | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    const opened = new EventSource(url);
    source = opened;
    opened.addEventListener('open', () => listener.onConnection('live'));
    opened.addEventListener('error', () => {
      listener.onConnection('reconnecting');
      if (opened.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_AFTER_MS);
    });
    for (const name of Object.keys(NAMES)) {
      opened.addEventListener(name, ({ data }: MessageEvent<string>) =>
        listener.onEvent({ name, data: readJson(data) } as FeedEvent),
      );
    }
  };
  const close = () => {
    clearTimeout(again);
    source?.close();
    source = undefined;
  };
  const follow = () => {
    if (document.visibilityState === 'hidden') {
      close();
      listener.onConnection('reconnecting');
    } else if (source === undefined) {
      open();
    }
  };
  follow();
  document.addEventListener('visibilitychange', follow);
  return () => {
    document.removeEventListener('visibilitychange', follow);
    close();
  };
}
