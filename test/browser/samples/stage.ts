/** The page with a feed of samples, and what journeys do on it. */
import type { Browser } from 'playwright-core';
import type { ActionLine, Snapshot } from '../../../lib/local/console/feed.ts';
import type { Journey } from '../journey.ts';
import { visit, type Visit, type VisitOptions } from '../visit.ts';
import { sampleSnapshot, sampleTrace } from './feed.ts';
import { startSampleServer, type SampleServer } from './server.ts';

export interface Stage extends Visit {
  readonly server: SampleServer;
  /** What the feed begins with. */
  readonly snapshot: Snapshot;
  /** The latest action of that tool. */
  latest(tool: string): ActionLine;
}

/** How many actions the feed begins with. */
export const COUNT = 40;

export const NOTHING: Snapshot = {
  actions: [],
  notices: [],
  environments: [],
  upstreams: [],
  sessions: [],
  hasMoreSessions: false,
  catalog: [],
};

/** Each journey has a server of its own, so that none of them sees what another one did. */
export function journey(
  name: string,
  act: (stage: Stage) => Promise<void>,
  options: VisitOptions = {},
  snapshot?: Snapshot,
): Journey {
  return { name, travel: (browser) => travel(browser, act, options, snapshot ?? sampleSnapshot(Date.now(), COUNT)) };
}

async function travel(
  browser: Browser,
  act: (stage: Stage) => Promise<void>,
  options: VisitOptions,
  snapshot: Snapshot,
): Promise<void> {
  const server = await startSampleServer(snapshot);
  for (const action of snapshot.actions) if (action.traceId !== null) server.keep(sampleTrace(action));
  const latest = (tool: string) => {
    const found = snapshot.actions.findLast((action) => action.tool === tool);
    if (found === undefined) throw new Error(`The samples have no ${tool}`);
    return found;
  };
  try {
    await visit(browser, server.url, options, (visit) => act({ ...visit, server, snapshot, latest }));
  } finally {
    server.close();
  }
}
