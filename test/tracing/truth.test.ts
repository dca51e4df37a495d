/**
 * Traces against what the upstream itself has taken down: its interval lies within its subsegment, which is longer by no
 * more than three times what a bare client of Node needs besides in the same run.
 */
import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TraceSpan } from '../../lib/local/console/feed.ts';
import { waterfallOf } from '../../lib/local/console/waterfall.ts';
import type { CallArguments } from './witness.ts';
import { newTraceId, openWorld, post, type Interval, type World } from './world.ts';

const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'truth', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** So many calls through the gateway and so many without it, in turn; the first ones open connections and load code. */
const ROUNDS = 25;
const UNCOUNTED = 3;

let world: World;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  world = await openWorld(
    { tools: { again: { idempotent: true }, limited: { timeoutMs: 400 } } },
    // The same environment each time: a cold one has other things to do.
    { affinity: true },
  );
});

afterAll(async () => {
  agent.destroy();
  await world.close();
});

function callText(args: object, tool: string, id: unknown = 1): string {
  return JSON.stringify({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: tool, arguments: args, _meta: MODERN_META },
  });
}

function modernHeaders(tool: string): Record<string, string> {
  return { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': tool };
}

/** Calls through the gateway; resolves with the spans of its trace once the call's own has ended. */
async function callTraced(args: CallArguments, tool = 'work') {
  const traceId = newTraceId();
  const name = `up__${tool}`;
  const headers = { ...modernHeaders(name), 'x-amzn-trace-id': `Root=${traceId}` };
  const answer = await post(agent, world.gateway.url(), callText(args, name), headers);
  const hasEnded = (spans: readonly TraceSpan[]): boolean =>
    spans.some(({ name, endedAt }) => name === 'gateway' && endedAt !== null) &&
    requestsIn(spans).every(({ endedAt }) => endedAt !== null);
  return { traceId, answer, spans: await world.traceWith(traceId, hasEnded) };
}

/** The requests of calls, without those of handshakes. */
function requestsIn(spans: readonly TraceSpan[]): readonly TraceSpan[] {
  return spans.filter(({ kind, annotations }) => kind === 'upstream' && annotations['method'] === 'tools/call');
}

function contains(span: TraceSpan, { began, ended }: Interval): boolean {
  return span.startedAt <= began && ended <= (span.endedAt ?? -Infinity);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function lengthOf({ began, ended }: Interval): number {
  return ended - began;
}

function excessOf(span: TraceSpan, interval: Interval): number {
  return span.endedAt! - span.startedAt - lengthOf(interval);
}

/** The same call without the gateway: what the client waited for, and what the upstream took down. */
async function excessOfBareClient(args: CallArguments): Promise<number> {
  const whole = await post(agent, world.witness.url, callText(args, 'work'), modernHeaders('work'));
  const [interval] = await world.witness.intervalsOf(args.call);
  return lengthOf(whole) - lengthOf(interval!);
}

function actionOf(traceId: string) {
  const action = world.gateway.actions().find((line) => line.traceId === traceId && line.method === 'tools/call');
  if (action === undefined) throw new Error('There is no line in the log');
  return action;
}

describe.each(['json', 'sse'] as const)('an answer as %s', (as) => {
  test('took as long as its subsegment says, and the sums add up', async () => {
    const excess: number[] = [];
    const bare: number[] = [];
    const apart: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const call = randomUUID();
      const { spans, traceId } = await callTraced({ call, ms: 15, as });
      const [request, ...others] = requestsIn(spans);
      const [interval] = await world.witness.intervalsOf(call);
      expect(others).toEqual([]);
      expect(contains(request!, interval!)).toBe(true);
      const bareCall = randomUUID();
      const bareExcess = await excessOfBareClient({ call: bareCall, ms: 15, as });
      const { totals } = waterfallOf({ spans });
      expect(totals.gatewayMs + totals.upstreamMs).toBeCloseTo(totals.totalMs, 6);
      const { gatewayMs, upstreamMs, totalMs } = actionOf(traceId);
      expect(gatewayMs + upstreamMs).toBeCloseTo(totalMs, 2);
      if (round < UNCOUNTED) continue;
      excess.push(excessOf(request!, interval!));
      bare.push(bareExcess);
      apart.push(Math.abs(upstreamMs - totals.upstreamMs));
    }
    console.log(
      `${as}: excess ${median(excess).toFixed(3)} ms, bare client ${median(bare).toFixed(3)} ms; ` +
        `log and trace differ by ${median(apart).toFixed(3)} ms`,
    );
    expect(median(excess)).toBeLessThanOrEqual(3 * median(bare));
    expect(median(apart)).toBeLessThanOrEqual(3 * median(bare));
  });
});

test('ten calls at once in one environment each have their own subsegment, as long as their own call', async () => {
  const hello = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'truth', version: '1.0.0' } };
  const initialize = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params: hello });
  const opened = await post(agent, world.gateway.url(), initialize, {});
  const session = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
  const excess: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    const calls = Array.from({ length: 10 }, (_, index) => ({
      call: randomUUID(),
      ms: 10 + 10 * index,
      as: 'json' as const,
    }));
    const batch = calls.map((args, id) => JSON.parse(callText(args, `up__work-${id}`, id)) as object);
    const traceId = newTraceId();
    const headers = { ...session, 'x-amzn-trace-id': `Root=${traceId}` };
    await post(agent, world.gateway.url(), JSON.stringify(batch), headers);
    const spans = await world.traceWith(
      traceId,
      (known) => requestsIn(known).filter(({ endedAt }) => endedAt !== null).length === 10,
    );
    const messages = spans.filter(({ name }) => name === 'tools/call');
    const requests = requestsIn(spans);
    for (const [index, { call }] of calls.entries()) {
      const message = messages.find(({ annotations }) => annotations['tool'] === `up__work-${index}`)!;
      const [request, ...others] = requests.filter(({ parent }) => parent === message.id);
      const [interval] = await world.witness.intervalsOf(call);
      expect(others).toEqual([]);
      // Each takes as long as no other one: that of a shorter one does not contain it.
      expect(contains(request!, interval!)).toBe(true);
      if (round > 0) excess.push(excessOf(request!, interval!));
    }
    const bareCalls = calls.map((args) => ({ ...args, call: randomUUID() }));
    const bareExcess = await Promise.all(bareCalls.map((args) => excessOfBareClient(args)));
    if (round > 0) bare.push(...bareExcess);
  }
  console.log(`ten at once: excess ${median(excess).toFixed(3)} ms, bare client ${median(bare).toFixed(3)} ms`);
  expect(median(excess)).toBeLessThanOrEqual(3 * median(bare));
});

test('a call that runs out of time has a subsegment that ends with it', async () => {
  const excess: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    const call = randomUUID();
    const { spans, traceId } = await callTraced({ call, ms: 0, as: 'hang' }, 'limited');
    const [request] = requestsIn(spans);
    const [interval] = await world.witness.intervalsOf(call);
    expect(request).toMatchObject({ status: 'fault', annotations: { error_kind: 'upstream-timeout' } });
    expect(request!.startedAt).toBeLessThanOrEqual(interval!.began);
    expect(request!.endedAt).toBeGreaterThanOrEqual(interval!.began);
    const { gatewayMs, upstreamMs, totalMs, errorKind } = actionOf(traceId);
    expect([errorKind, gatewayMs + upstreamMs]).toEqual(['upstream-timeout', expect.closeTo(totalMs, 2)]);
    // The upstream cannot see the client go before it has gone.
    excess.push(interval!.ended - request!.endedAt! + interval!.began - request!.startedAt);
    bare.push(await excessOfBareTimeout());
  }
  console.log(`out of time: excess ${median(excess).toFixed(3)} ms, bare client ${median(bare).toFixed(3)} ms`);
  expect(median(excess)).toBeLessThanOrEqual(3 * median(bare));
});

/** How much later the upstream sees a bare client come and go. */
async function excessOfBareTimeout(): Promise<number> {
  const call = randomUUID();
  const abort = new AbortController();
  const began = performance.timeOrigin + performance.now();
  const sent = post(agent, world.witness.url, callText({ call, ms: 0, as: 'hang' }, 'work'), {}, abort.signal);
  const seen = await world.witness.beganAt(call);
  const ended = performance.timeOrigin + performance.now();
  abort.abort();
  await expect(sent).rejects.toThrow('aborted');
  const [interval] = await world.witness.intervalsOf(call);
  return interval!.ended - ended + seen - began;
}

test('each attempt has a subsegment of its own, around what the upstream saw of it', async () => {
  const call = randomUUID();
  const { spans } = await callTraced({ call, ms: 15, as: 503, times: 2 }, 'again');
  const requests = requestsIn(spans);
  const intervals = await world.witness.intervalsOf(call, 3);
  expect(requests.map(({ annotations, status }) => [annotations['attempt'], status])).toEqual([
    [1, 'fault'],
    [2, 'fault'],
    [3, 'ok'],
  ]);
  expect(requests.map((request, index) => contains(request, intervals[index]!))).toEqual([true, true, true]);
});

test('everything that was sent could be read', () => {
  expect(world.refused).toEqual([]);
});

test('an upstream that is killed leaves a subsegment that ends, with what is known of it', async () => {
  const doomed = await openWorld({}, { affinity: true });
  const call = randomUUID();
  const traceId = newTraceId();
  const headers = { ...modernHeaders('up__work'), 'x-amzn-trace-id': `Root=${traceId}` };
  const send = (id: string) =>
    post(agent, doomed.gateway.url(), callText({ call, ms: 0, as: 'hang' }, 'up__work'), {
      ...headers,
      'x-amzn-trace-id': `Root=${id}`,
    });
  const answering = send(traceId);
  const began = await doomed.witness.beganAt(call);
  const killedAt = performance.timeOrigin + performance.now();
  await doomed.witness.kill();
  expect(JSON.parse((await answering).text)).toMatchObject({ error: { code: 1003 } });
  const isOver = (spans: readonly TraceSpan[]): boolean =>
    spans.some(({ name, endedAt }) => name === 'gateway' && endedAt !== null);
  const [request] = requestsIn(await doomed.traceWith(traceId, isOver));
  expect(request).toMatchObject({ status: 'fault', annotations: { error_kind: 'upstream-reset' } });
  expect(request!.startedAt).toBeLessThanOrEqual(began);
  expect(request!.endedAt).toBeGreaterThanOrEqual(killedAt);

  const gone = newTraceId();
  await send(gone);
  const spans = await doomed.traceWith(gone, isOver);
  const [refused] = requestsIn(spans);
  expect(refused).toMatchObject({ status: 'fault', annotations: { error_kind: 'upstream-unreachable' } });
  expect(spans.filter(({ parent }) => parent === refused!.id).map(({ name }) => name)).toEqual(['connect']);
  await doomed.close();
});
