import { useEffect, useState } from 'preact/hooks';
import { openFeed, type Connection } from './feed-connection.ts';
import { NOTHING_YET, reduce, type ConsoleState } from './state.ts';

export interface Feed {
  readonly state: ConsoleState;
  readonly connection: Connection;
}

/** What the feed has said so far. However fast events come, there is one rendering for each frame that is painted. */
export function useFeed(): Feed {
  const [feed, show] = useState<Feed>({ state: NOTHING_YET, connection: 'connecting' });
  useEffect(() => {
    let latest: Feed = { state: NOTHING_YET, connection: 'connecting' };
    let frame: number | undefined;
    const change = (changed: Partial<Feed>) => {
      latest = { ...latest, ...changed };
      frame ??= requestAnimationFrame(() => {
        frame = undefined;
        show(latest);
      });
    };
    const close = openFeed('/console/feed', {
      onEvent: (event) => change({ state: reduce(latest.state, event) }),
      onConnection: (connection) => change({ connection }),
    });
    return () => {
      close();
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, []);
  return feed;
}
