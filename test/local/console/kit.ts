/** Documents and lines as a function sends and writes them, and a reader of the feed. */
import type { ActionLine, FeedEvents } from '../../../lib/local/console/feed.ts';
import { readDocument, type SegmentDocument } from '../../../lib/local/xray/document.ts';
import { openStream } from '../../support/wire.ts';

export const TRACE_ID = '1-68f1c2d3-0123456789abcdef01234567';

function documentText(change: object = {}): string {
  return JSON.stringify({
    type: 'subsegment',
    trace_id: TRACE_ID,
    id: '0123456789abcdef',
    parent_id: 'fedcba9876543210',
    name: 'tools/call',
    start_time: 1795000000.25,
    end_time: 1795000000.5,
    ...change,
  });
}

export function document(change: object = {}): SegmentDocument {
  const result = readDocument(documentText(change));
  if (result.kind === 'refused') throw new Error(result.problems.join());
  return result.document;
}

export function action(change: Partial<ActionLine> = {}): ActionLine {
  return {
    time: '2026-11-20T10:00:00.000Z',
    requestId: 'r-1',
    traceId: TRACE_ID,
    environment: 'env-1',
    cold: false,
    era: 'modern',
    caller: 'c',
    session: null,
    server: 'default',
    upstream: 'time',
    method: 'tools/call',
    tool: 'now',
    outcome: 'ok',
    errorKind: null,
    status: 200,
    bytesIn: 1,
    bytesOut: 2,
    totalMs: 12,
    gatewayMs: 2,
    upstreamMs: 10,
    upstreamRequests: 1,
    dynamodbRequests: 0,
    attempt: 1,
    replayed: false,
    ...change,
  };
}

export interface FeedReader {
  readonly headers: Readonly<Record<string, unknown>>;
  /** The next event of that name for which `isWanted` holds; those before it are passed over. */
  next<Name extends keyof FeedEvents>(
    name: Name,
    isWanted?: (data: FeedEvents[Name]) => boolean,
  ): Promise<FeedEvents[Name]>;
  /** The next comment. */
  comment(): Promise<string>;
  close(): void;
}

export async function readFeed(origin: string): Promise<FeedReader> {
  const stream = await openStream('GET', `${origin}/console/feed`, '', {});
  const read = async () => {
    const { value, done } = await stream.events.next();
    if (done === true) throw new Error('The feed has ended');
    return value;
  };
  return {
    headers: stream.headers,
    next: async (name, isWanted = () => true) => {
      for (;;) {
        const event = await read();
        if (event.kind !== 'event' || event.event !== name) continue;
        const data = event.message as FeedEvents[typeof name];
        if (isWanted(data)) return data;
      }
    },
    comment: async () => {
      for (;;) {
        const event = await read();
        if (event.kind === 'comment') return event.text;
      }
    },
    close: () => stream.close(),
  };
}
