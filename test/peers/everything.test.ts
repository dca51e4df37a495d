/**
 * Through the local gateway, real clients get from `@modelcontextprotocol/server-everything` what they get from it
 * directly. It speaks the legacy era only.
 */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startEverything, type Everything } from '../support/upstreams.ts';
import { ANSWERS_ALL, LEGACY_PEERS, MODERN_PEER, PEERS, type ConnectPeer } from './clients.ts';
import { failedSteps, survey, type Arguments, type Plan } from './survey.ts';

/** Roots are asked for outside of any call, on a stream that the gateway does not open, so nobody declares them here. */
const { roots: _, ...CAPABILITIES } = ANSWERS_ALL;

const NOTHING: readonly Arguments[] = [{}];

/** `fresh` names what the server keeps for all of its sessions together. */
function everythingPlan(fresh: string): Plan {
  return {
    tools: {
      echo: [{ message: 'héllo 🌍' }, { message: 7 }, {}],
      'get-annotated-message': [
        { messageType: 'error' },
        { messageType: 'success', includeImage: true },
        { messageType: 'debug' },
      ],
      'get-env': NOTHING,
      'get-resource-links': [{}, { count: 10 }],
      'get-resource-reference': [{}, { resourceType: 'Text', resourceId: 2 }, { resourceType: 'Blob', resourceId: 3 }],
      'get-structured-content': [{ location: 'New York' }, { location: 'Chicago' }, { location: 'Nowhere' }],
      'get-sum': [
        { a: 0.1, b: 0.2 },
        { a: 'x', b: 1 },
      ],
      'get-tiny-image': NOTHING,
      'gzip-file-as-resource': [
        { name: `${fresh}.gz`, data: 'data:text/plain,h%C3%A9llo', outputType: 'resource' },
        { name: `${fresh}-linked.gz`, data: 'data:text/plain,h%C3%A9llo', outputType: 'resourceLink' },
      ],
      'toggle-simulated-logging': NOTHING,
      'toggle-subscriber-updates': NOTHING,
      'trigger-long-running-operation': [{ duration: 0.06, steps: 3 }],
      'trigger-elicitation-request': NOTHING,
      'trigger-sampling-request': [{ prompt: 'é?', maxTokens: 7 }],
      'trigger-url-elicitation': [
        { url: 'https://example.com/é', elicitationId: fresh },
        { url: 'https://example.com/', elicitationId: fresh, errorPath: true },
      ],
      // Asks for a task, which no capability that passes the gateway promises.
      'simulate-research-query': [{ topic: 'é' }],
    },
    prompts: {
      'simple-prompt': [{}],
      'args-prompt': [{ city: 'Zürich' }, { city: 'Zürich', state: 'ZH' }],
      'completable-prompt': [{ department: 'Sales', name: 'Eve' }],
      'resource-prompt': [
        { resourceType: 'Text', resourceId: '1' },
        { resourceType: 'Blob', resourceId: '2' },
      ],
    },
    uris: [
      'demo://resource/dynamic/text/1',
      'demo://resource/dynamic/blob/2',
      `demo://resource/session/${fresh}-linked.gz`,
      'demo://resource/dynamic/text/none',
    ],
    completions: [
      { ref: { type: 'ref/prompt', name: 'completable-prompt' }, name: 'department', value: 'S' },
      { ref: { type: 'ref/prompt', name: 'resource-prompt' }, name: 'resourceType', value: 'B' },
      {
        ref: { type: 'ref/resource', uri: 'demo://resource/dynamic/text/{resourceId}' },
        name: 'resourceId',
        value: '7',
      },
    ],
  };
}

let everything: Everything;
let gateway: TestGateway;

beforeAll(async () => {
  everything = await startEverything();
  const config = {
    upstreams: {
      every: { url: everything.url, tools: { 'get-roots-list': { timeoutMs: 1000 } } },
      shared: { url: everything.url, prefix: 'every', isolation: 'shared' },
    },
    servers: { default: { upstreams: ['every'] }, shared: { upstreams: ['shared'] } },
    // What it asks outside of calls would be heard at one time and not at another.
    listen: 'off',
  };
  gateway = await startTestGateway(config, { environments: 24 });
});

afterAll(async () => {
  await gateway?.close();
  await everything?.close();
});

/** The only thing in which two sessions of the server differ. */
function withoutFreshNames(findings: object, fresh: string): unknown {
  return JSON.parse(JSON.stringify(findings).replaceAll(fresh, 'fresh'));
}

describe.each(Object.entries(LEGACY_PEERS))('%s', (name, connect) => {
  test('gets the same from everything behind a prefix as from everything itself', async () => {
    const fresh = ['through', 'direct'].map((way) => `${way}-${name.replaceAll(/[^a-z0-9]/gi, '')}`) as [
      string,
      string,
    ];
    const through = await connect(gateway.url(), CAPABILITIES);
    const found = await survey(through, everythingPlan(fresh[0]), 'every__');
    await through.close();
    const direct = await connect(everything.url, CAPABILITIES);
    const expected = await survey(direct, everythingPlan(fresh[1]));
    await direct.close();
    expect(withoutFreshNames(found, fresh[0])).toEqual(withoutFreshNames(expected, fresh[1]));
    expect(failedSteps(found, /errorPath|simulate-research|text\/none/)).toEqual([]);
    expect(Object.keys(found).length).toBeGreaterThanOrEqual(50);
  });
});

test('every legacy client hears in time that a tool waits for roots, which everything asks for outside of calls', async () => {
  const askOne = async (connect: ConnectPeer): Promise<void> => {
    const { peer, close } = await connect(gateway.url(), ANSWERS_ALL);
    await peer.sendRootsListChanged();
    const call = peer.callTool({ name: 'every__get-roots-list', arguments: {} });
    await expect(call).rejects.toMatchObject({ code: 1005, data: { upstream: 'every', mayHaveRun: true } });
    await close();
  };
  await Promise.all(Object.values(LEGACY_PEERS).map(askOne));
});

test('every legacy client cancels a call, which then ends at the gateway as well', async () => {
  const cancelOne = async (connect: ConnectPeer): Promise<() => Promise<void>> => {
    const { peer, close } = await connect(gateway.url());
    const cancelling = new AbortController();
    const call = peer.callTool(
      { name: 'every__trigger-long-running-operation', arguments: { duration: 60, steps: 600 } },
      { signal: cancelling.signal, onprogress: () => cancelling.abort() },
    );
    expect(await call.catch((error: unknown) => error)).toBeInstanceOf(Error);
    expect((await peer.callTool({ name: 'every__echo', arguments: { message: 'on' } })).content).toHaveLength(1);
    return close;
  };
  const clients = Object.values(LEGACY_PEERS);
  const closings = await Promise.all(clients.map(cancelOne));
  await vi.waitFor(
    () => {
      const ends = gateway.actions().filter(({ outcome }) => outcome === 'cancelled');
      expect(ends.map(({ errorKind }) => errorKind)).toEqual(clients.map(() => 'cancelled'));
    },
    { timeout: 15_000 },
  );
  await Promise.all(closings.map((close) => close()));
});

/** Steps of one era only, among them the calls of a tool that only runs as a task. */
const OF_ONE_ERA = /^(?:ping|log level|tool simulate-research-query .*)$/;

/** Members that only one era has. */
const MEMBERS_OF_ONE_ERA = new Set(['ttlMs', 'cacheScope', 'execution', 'io.modelcontextprotocol/serverInfo']);

/** Findings without what cannot be the same in both eras. */
function inBothEras(findings: unknown): unknown {
  const { tools, ...steps } = findings as {
    readonly tools: readonly { readonly execution?: { taskSupport?: string } }[];
  };
  const reachable = tools.filter(({ execution }) => execution?.taskSupport !== 'required');
  const shared = Object.entries(steps).filter(([name]) => !OF_ONE_ERA.test(name));
  return JSON.parse(
    JSON.stringify({ tools: reachable, ...Object.fromEntries(shared) }, (key, value: unknown) => {
      if (MEMBERS_OF_ONE_ERA.has(key)) return undefined;
      const isBare = key === '_meta' && Object.keys(value as object).every((name) => MEMBERS_OF_ONE_ERA.has(name));
      return isBare ? undefined : value;
    }),
  );
}

describe('a modern client', () => {
  test('gets the same from everything, which speaks the other era, as a legacy client gets from everything itself', async () => {
    const [ours, theirs] = ['through-modern', 'direct-modern'];
    const through = await PEERS[MODERN_PEER]!(gateway.url('shared'));
    const found = await survey(through, everythingPlan(ours), 'every__');
    await through.close();
    const direct = await LEGACY_PEERS['SDK v2, 2025-11-25']!(everything.url);
    const expected = await survey(direct, everythingPlan(theirs));
    await direct.close();
    expect(inBothEras(withoutFreshNames(found, ours))).toEqual(inBothEras(withoutFreshNames(expected, theirs)));
  });

  test('does not find what an earlier call has left in its session, unless everyone shares one', async () => {
    const leaveAndRead = async (server: string) => {
      const { peer, close } = await PEERS[MODERN_PEER]!(gateway.url(server));
      const name = `left-${server}.gz`;
      const args = { name, data: 'data:text/plain,left', outputType: 'resourceLink' };
      const left = await peer.callTool({ name: 'every__gzip-file-as-resource', arguments: args });
      expect(left.content).toMatchObject([{ type: 'resource_link', uri: `demo://resource/session/${name}` }]);
      try {
        return (await peer.readResource({ uri: `demo://resource/session/${name}` })).contents.length;
      } catch (error) {
        return String(error);
      } finally {
        await close();
      }
    };
    expect(await leaveAndRead('default')).toContain('not found');
    expect(await leaveAndRead('shared')).toBe(1);
  });

  test('that may choose its era chooses the modern one, and works', async () => {
    const client = new Client({ name: 'auto', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
    const transport = new StreamableHTTPClientTransport(new URL(gateway.url()));
    await client.connect(transport);
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    expect((await client.listTools()).tools.length).toBeGreaterThan(10);
    const { content } = await client.callTool({ name: 'every__get-sum', arguments: { a: 1, b: 2 } });
    expect(content).toEqual([{ type: 'text', text: 'The sum of 1 and 2 is 3.' }]);
    await client.close();
  });
});

test('no environment failed', () => {
  expect(gateway.reports).toEqual([]);
});
