/**
 * What the clients travel through: the local gateway, whose environments take turns, with an upstream of each era behind
 * a virtual server of its own, and in both an upstream that lists its tools in pages.
 */
import { setTimeout } from 'node:timers/promises';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import type { Era } from '../../lib/protocol/era.ts';
import { createV2Server } from '../journeys/server-v2.ts';
import { TOOLS } from '../journeys/surface.ts';
import { Witness } from '../journeys/witness.ts';
import { startListingUpstream, tools } from '../support/listing-upstream.ts';
import { startTestGateway, type LoggedAction } from '../support/local-gateway.ts';
import { isTrouble } from '../support/trouble.ts';
import { startPacing } from './pacing.ts';

export interface World {
  /** Of the virtual server that shows the upstream of this era. */
  url(era: Era): string;
  /** What that virtual server lists. */
  toolsOf(era: Era): string[];
  /** Where a client says that it has seen a step of progress. */
  readonly seen: string;
  /** Begins a journey. */
  begin(): void;
  /** What has become of progress in this journey, in order. */
  readonly course: readonly string[];
  /** What the gateway has logged in this journey. */
  actions(): readonly LoggedAction[];
  /** At the legacy upstream. */
  openSessions(): number;
  /** Resolves once it is so, or when it has not become so for a while, in milliseconds. */
  settled(isSo: () => boolean, patienceMs?: number): Promise<void>;
  /** What went wrong in this journey beside what its client saw, one line each. */
  troubles(): readonly string[];
  close(): Promise<void>;
}

const PAGED = { era: 'both', tools: tools('one', 'two', 'three', 'four', 'five'), pageSize: 2 } as const;

/** A call that is stuck must not use up the time of the others. */
const UPSTREAM_LIMIT_MS = 10_000;

/** For what the gateway does after its answers: it is seen in its log, which tells nobody of a new line. */
const PATIENCE_MS = 5000;
const LOOK_AGAIN_MS = 50;

/** `listen` as in the configuration file: how legacy clients are told what happens beside their calls. */
export async function startWorld(listen: 'poll' | { readonly holdSeconds: number } = 'poll'): Promise<World> {
  const pacing = await startPacing();
  const witness = new Witness();
  const serve = (era: Era) => {
    const create = () => {
      const server = createV2Server(witness, era);
      pacing.register(server);
      return server;
    };
    return serveUpstream(create, { eras: [era] });
  };
  const [modern, legacy, paged] = await Promise.all([serve('modern'), serve('legacy'), startListingUpstream(PAGED)]);
  const configured = ({ url }: { readonly url: string }) => ({ url, timeoutMs: UPSTREAM_LIMIT_MS });
  const gateway = await startTestGateway({
    upstreams: { modern: configured(modern), legacy: configured(legacy), paged: configured(paged) },
    listen,
    servers: {
      default: { upstreams: ['modern', 'legacy', 'paged'] },
      modern: { upstreams: ['modern', 'paged'] },
      legacy: { upstreams: ['legacy', 'paged'] },
    },
  });

  let before = { lines: 0, reports: 0 };
  const lines = (): readonly string[] => gateway.logLines().slice(before.lines);
  return {
    url: gateway.url,
    toolsOf: (era) =>
      [
        ...[...Object.keys(TOOLS), 'paced'].map((name) => `${era}__${name}`),
        ...PAGED.tools.map((tool) => `paged__${(tool as { name: string }).name}`),
      ].toSorted(),
    seen: pacing.seen,
    begin: () => {
      pacing.begin();
      before = { lines: gateway.logLines().length, reports: gateway.reports.length };
    },
    get course() {
      return pacing.course;
    },
    actions: () => lines().flatMap(readAction),
    openSessions: () => witness.sessions,
    settled: async (isSo, patienceMs = PATIENCE_MS) => {
      const end = Date.now() + patienceMs;
      while (!isSo() && Date.now() < end) await setTimeout(LOOK_AGAIN_MS);
    },
    troubles: () => [
      ...gateway.reports.slice(before.reports),
      ...lines().filter((line) => isTrouble(JSON.parse(line) as object)),
    ],
    close: async () => {
      await gateway.close();
      await Promise.all([modern.close(), legacy.close(), paged.stop(), pacing.close()]);
      witness.close();
    },
  };
}

function readAction(line: string): LoggedAction[] {
  const entry = JSON.parse(line) as object;
  return 'outcome' in entry ? [entry as LoggedAction] : [];
}
