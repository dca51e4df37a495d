import type { ActionLine } from '../../../lib/local/console/feed.ts';

/** A call of a tool that went well, but for what is given. */
export function actionLine(given: Partial<ActionLine> = {}): ActionLine {
  return {
    time: '2026-01-01T00:00:00.000Z',
    requestId: 'request',
    traceId: null,
    environment: 'env-1',
    cold: false,
    era: 'modern',
    caller: null,
    session: null,
    server: 'default',
    upstream: 'time',
    method: 'tools/call',
    tool: 'echo',
    outcome: 'ok',
    errorKind: null,
    status: 200,
    bytesIn: 1,
    bytesOut: 1,
    totalMs: 3,
    gatewayMs: 1,
    upstreamMs: 2,
    upstreamRequests: 1,
    dynamodbRequests: 0,
    attempt: 1,
    replayed: false,
    ...given,
  };
}
