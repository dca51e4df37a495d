/** Serves the page with a feed of samples, to show what a gateway that is well never shows. */
import { EventEmitter, once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FeedEvents, Snapshot, Trace } from '../../../lib/local/console/feed.ts';
import { buildConsolePage } from '../../../lib/local/console/page.ts';

export interface SampleServer {
  /** Of the page. */
  readonly url: string;
  /** To everybody who listens. */
  send<Name extends keyof FeedEvents>(name: Name, data: FeedEvents[Name]): void;
  /** What the next listener begins with. */
  begin(snapshot: Snapshot): void;
  /** What is answered when somebody asks for that trace; of others nothing is known. */
  keep(trace: Trace): void;
  /** Resolves when so many listen; rejects when that takes too long. */
  listened(count: number): Promise<void>;
  /** Breaks off every feed. */
  breakOff(): void;
  close(): void;
}

/** Waits no longer than this for listeners. */
const LIMIT_MS = 15_000;

/** Listens on a free port of 127.0.0.1. */
export async function startSampleServer(first: Snapshot): Promise<SampleServer> {
  const page = await buildConsolePage();
  const traces = new Map<string, Trace>();
  const feeds = new Set<ServerResponse>();
  const changes = new EventEmitter();
  let snapshot = first;
  const server = createServer((request, response) => {
    const [, , place = '', id = ''] = (request.url ?? '').split('/');
    if (place === 'feed') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      // So that a page that lost its feed comes back at once.
      response.write(`retry: 50\n\n${eventText('snapshot', snapshot)}`);
      feeds.add(response);
      changes.emit('change');
      response.on('close', () => {
        feeds.delete(response);
        changes.emit('change');
      });
    } else if (place === 'traces') {
      const trace = traces.get(decodeURIComponent(id));
      if (trace === undefined) return void response.writeHead(204).end();
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(trace));
    } else {
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': page.contentSecurityPolicy,
      });
      response.end(page.html);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/console`,
    send: (name, data) => {
      for (const feed of feeds) feed.write(eventText(name, data));
    },
    begin: (next) => {
      snapshot = next;
    },
    keep: (trace) => traces.set(trace.traceId, trace),
    listened: async (count) => {
      const signal = AbortSignal.timeout(LIMIT_MS);
      while (feeds.size !== count) await once(changes, 'change', { signal });
    },
    breakOff: () => {
      for (const feed of feeds) feed.destroy();
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function eventText(name: keyof FeedEvents, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
