/** Documents and lines as a function sends and writes them, and a reader of the feed. */
import type { ActionLine, FeedEvents } from '../../../lib/local/console/feed.ts';
import { readDocument, type SegmentDocument } from '../../../lib/local/xray/document.ts';
import { openStream, type SseComment, type SseEvent } from '../../support/wire.ts';

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
  /** The first event of that name for which `isWanted` holds, whether it has come already or is to come. */
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
  /** What has come and nobody wanted yet. */
  const waiting: (SseEvent | SseComment)[] = [];
  const take = async <T>(wanted: (event: SseEvent | SseComment) => T | undefined): Promise<T> => {
    for (let at = 0; ; at += 1) {
      if (at === waiting.length) {
        const { value, done } = await stream.events.next();
        if (done === true) throw new Error('The feed has ended');
        waiting.push(value);
      }
      const found = wanted(waiting[at]!);
      if (found === undefined) continue;
      waiting.splice(at, 1);
      return found;
    }
  };
  return {
    headers: stream.headers,
    next: (name, isWanted = () => true) =>
      take((event) => {
        if (event.kind !== 'event' || event.event !== name) return undefined;
        const data = event.message as FeedEvents[typeof name];
        return isWanted(data) ? data : undefined;
      }),
    comment: () => take((event) => (event.kind === 'comment' ? event.text : undefined)),
    close: () => stream.close(),
  };
}
