import type { Action } from '../../lib/ports/action-log.ts';

/** A call that an upstream has answered. */
export function actionOf(changes: Partial<Action> = {}): Action {
  return {
    time: 1_800_000_000_000,
    requestId: 'request-1',
    traceId: null,
    environment: 'env-1',
    cold: false,
    era: 'modern',
    caller: 'c0ffee',
    session: null,
    server: 'default',
    upstream: 'time',
    method: 'tools/call',
    tool: 'time__convert',
    outcome: 'ok',
    errorKind: null,
    status: 200,
    bytesIn: 120,
    bytesOut: 340,
    totalMs: 12.5,
    gatewayMs: 2.5,
    upstreamMs: 10,
    upstreamRequests: 1,
    dynamodbRequests: 0,
    attempt: 1,
    replayed: false,
    ...changes,
  };
}
