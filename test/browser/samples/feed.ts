/**
 * What a gateway might tell its console: every kind of outcome, environment and breaker, and text that would like to be
 * more than text. Times are relative to one `now`.
 */
import type { ActionLine, Snapshot, Trace, TraceSpan } from '../../../lib/local/console/feed.ts';

/** Would run, load something or leave its place if it were taken for anything but text. */
export const HOSTILE = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>\u202E&amp;`;

interface Call {
  readonly tool: string | null;
  readonly method?: string;
  readonly outcome?: ActionLine['outcome'];
  readonly gatewayMs?: number;
  readonly upstreamMs?: number;
  readonly more?: Partial<ActionLine>;
}

const CALLS: readonly Call[] = [
  { tool: null, method: 'initialize', gatewayMs: 6.1, upstreamMs: 0, more: { upstream: null, upstreamRequests: 0 } },
  { tool: null, method: 'tools/list', gatewayMs: 9.4, upstreamMs: 22.7, more: { cold: true } },
  { tool: 'time__get_system_time', gatewayMs: 3.2, upstreamMs: 4.1 },
  { tool: 'echo', gatewayMs: 2.8, upstreamMs: 2.2, more: { upstream: 'test' } },
  { tool: 'slow', gatewayMs: 4.4, upstreamMs: 61.5, more: { upstream: 'test', attempt: 2 } },
  { tool: 'fail', outcome: 'tool-error', gatewayMs: 3.1, upstreamMs: 5.5, more: { upstream: 'test' } },
  { tool: 'echo', gatewayMs: 2.1, upstreamMs: 0, more: { upstream: 'test', replayed: true, attempt: 0 } },
  {
    tool: 'unstable',
    outcome: 'error',
    gatewayMs: 7.7,
    upstreamMs: 1204,
    more: { upstream: 'billing', errorKind: 'upstream-timeout', status: 504, attempt: 3 },
  },
  {
    tool: 'unstable',
    outcome: 'refused',
    gatewayMs: 1.4,
    upstreamMs: 0,
    more: { upstream: 'billing', errorKind: 'breaker-open', status: 503, attempt: 0, upstreamRequests: 0 },
  },
  { tool: 'ask', outcome: 'input-required', gatewayMs: 3.3, upstreamMs: 8.2, more: { upstream: 'test' } },
  { tool: 'long', outcome: 'cancelled', gatewayMs: 5.1, upstreamMs: 33.3, more: { upstream: 'test', traceId: null } },
  { tool: HOSTILE, outcome: 'refused', gatewayMs: 0.9, upstreamMs: 0, more: { upstream: null, upstreamRequests: 0 } },
];

/** The action with that number; each number gives another one. */
export function sampleAction(index: number, now: number): ActionLine {
  const { tool, method, outcome = 'ok', gatewayMs = 3, upstreamMs = 5, more = {} } = CALLS[index % CALLS.length]!;
  const hex = index.toString(16).padStart(8, '0');
  return {
    time: new Date(now).toISOString(),
    requestId: `6f1c2a7e-0000-4000-8000-0000${hex}`,
    traceId: `1-68000000-0000000000000000${hex}`,
    environment: `env-${1 + (index % 3)}`,
    cold: false,
    era: index % 2 === 0 ? 'legacy' : 'modern',
    caller: null,
    session: index % 2 === 0 ? '9b1dc0f2a4e7' : null,
    server: 'default',
    upstream: 'time',
    method: method ?? 'tools/call',
    tool,
    outcome,
    errorKind: null,
    status: 200,
    bytesIn: 180 + index,
    bytesOut: 412 + index,
    totalMs: gatewayMs + upstreamMs,
    gatewayMs,
    upstreamMs,
    upstreamRequests: 1,
    dynamodbRequests: 2,
    attempt: 1,
    replayed: false,
    ...more,
  };
}

/** The trace of an action: what the gateway did in order, and the upstream's part of it. */
export function sampleTrace({ traceId, time, gatewayMs, upstreamMs, upstream, tool }: ActionLine): Trace {
  const startedAt = Date.parse(time);
  const end = gatewayMs + upstreamMs;
  const spans: TraceSpan[] = [];
  const add = (parent: string | null, name: string, from: number, to: number, more: Partial<TraceSpan> = {}) => {
    const id = (spans.length + 1).toString(16).padStart(16, '0');
    spans.push({
      id,
      parent,
      name,
      kind: 'gateway',
      startedAt: startedAt + from,
      endedAt: startedAt + to,
      status: 'ok',
      annotations: {},
      ...more,
    });
    return id;
  };
  const root = add(null, 'sluice', 0, end, { annotations: { server: 'default', ...(tool !== null && { tool }) } });
  add(root, 'authenticate', 0.1, gatewayMs * 0.1);
  add(root, 'client-session', gatewayMs * 0.1, gatewayMs * 0.4, { annotations: { dynamodb: 1 } });
  add(root, 'plan', gatewayMs * 0.4, gatewayMs * 0.5);
  if (upstreamMs > 0) {
    const relay = add(root, 'relay', gatewayMs * 0.5, end - gatewayMs * 0.1);
    add(relay, upstream ?? 'upstream', gatewayMs * 0.6, gatewayMs * 0.6 + upstreamMs, {
      kind: 'upstream',
      annotations: { attempt: 1, era: 'modern', reused: true },
    });
  }
  add(root, 'deliver', end - gatewayMs * 0.1, end);
  return { traceId: traceId ?? '', spans };
}

/** The same trace before its last spans have ended. */
export function underWay({ traceId, spans }: Trace): Trace {
  return {
    traceId,
    spans: spans
      .slice(0, -1)
      .map((span, index) => (index === 0 || span.kind === 'upstream' ? { ...span, endedAt: null } : span)),
  };
}

export function sampleSnapshot(now: number, actions: number): Snapshot {
  return {
    actions: Array.from({ length: actions }, (_, index) => sampleAction(index, now - (actions - index) * 700)),
    notices: [
      { time: now - 60_000, requestId: null, isTrouble: false, text: 'A list of time has changed: tools, 1 added' },
      {
        time: now - 4000,
        requestId: sampleAction(7, now).requestId,
        isTrouble: true,
        text: 'The upstream billing has failed 5 times in a row and is left alone',
      },
    ],
    environments: [
      { name: 'env-1', state: 'frozen', since: now - 12_000, invocations: 14 },
      { name: 'env-2', state: 'busy', since: now - 200, invocations: 9 },
      { name: 'env-3', state: 'starting', since: now, invocations: 0 },
    ],
    upstreams: [
      { name: 'time', breaker: 'closed', openUntil: null, failures: 0 },
      { name: 'test', breaker: 'half-open', openUntil: null, failures: 2 },
      { name: 'billing', breaker: 'open', openUntil: now + 24_000, failures: 5 },
    ],
    sessions: [
      {
        hash: '9b1dc0f2a4e7',
        server: 'default',
        protocolVersion: '2025-11-25',
        client: 'claude-ai',
        lastSeenAt: now - 4000,
        expiresAt: now + 86_400_000,
        upstreams: ['time', 'test'],
      },
      {
        hash: '03fe77ab1c95',
        server: 'fast-test',
        protocolVersion: '2025-06-18',
        client: HOSTILE,
        lastSeenAt: now - 3_600_000,
        expiresAt: now + 9_000_000,
        upstreams: [],
      },
    ],
    hasMoreSessions: true,
    catalog: [
      list('test', 'tools', now - 65_000, now + 235_000, false, 12_431),
      list('test', 'prompts', now - 65_000, now - 5000, false, 982),
      list('time', 'tools', now - 4000, now + 296_000, false, 3120),
      list('time', 'introduction', now - 400_000, now + 10_000, true, 611),
    ],
  };
}

function list(
  upstream: string,
  member: string,
  fetchedAt: number,
  freshUntil: number,
  isStale: boolean,
  bytes: number,
): Snapshot['catalog'][number] {
  return { upstream, member, fetchedAt, freshUntil, isStale, bytes };
}
