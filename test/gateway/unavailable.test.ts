/** Lists and calls while one upstream of several is slow, dead, or lies about what it has: the others do not feel it. */
import { describe, expect, test } from 'vitest';
import { LEGS } from '../support/gateway-harness.ts';
import { createManualClock } from '../support/manual-clock.ts';
import {
  METHODS,
  prompts,
  resources,
  templates,
  tools,
  type ListName,
  type Script,
} from '../support/listing-upstream.ts';
import {
  callTool,
  getPrompt,
  LEGACY,
  listOf,
  MODERN,
  namesIn,
  namesOf,
  openListing,
  PAIRS,
  readResource,
  UNAVAILABLE,
} from './listing-fixtures.ts';

/** The lists that a client and its upstreams give, in which one upstream of three is in trouble. */
function specsOf(era: 'modern' | 'legacy' | 'both') {
  const lists = (name: string) => ({
    era,
    tools: tools('a'),
    prompts: prompts('p'),
    resources: resources(`${name}://1`),
    resourceTemplates: templates(`${name}://{id}`),
    ttlMs: 60_000,
    cacheScope: 'public' as const,
  });
  return { one: lists('one'), bad: lists('bad'), two: lists('two') };
}

const EACH_LIST = Object.keys(METHODS) as ListName[];

const WITHOUT_BAD: Readonly<Record<ListName, readonly string[]>> = {
  tools: ['one__a', 'two__a'],
  prompts: ['one__p', 'two__p'],
  resources: ['one://1', 'two://1'],
  resourceTemplates: ['one://{id}', 'two://{id}'],
};

const UNREACHABLE = { upstream: 'bad', reason: 'Upstream bad could not be reached' };

const garbage: Script = ({ response }) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end('{"x');
const status500: Script = ({ response }) => void response.writeHead(500).end();
const notAList: Script = ({ answer }) => answer({ tools: 'none' });
const notItems: Script = ({ answer }) => answer({ tools: [{ name: 'x' }, 'junk'] });
const noList: Script = ({ answer }) => answer({});
const hangsUp: Script = ({ response }) => void response.socket?.destroy();
const refuses: Script = ({ fail }) => fail(-32603, 'Out of order');
const redirects: Script = ({ response }) => void response.writeHead(302, { location: '/elsewhere' }).end();
const forbids: Script = ({ response }) => void response.writeHead(401).end();

const TROUBLES: readonly (readonly [what: string, script: Script, reason: string, words: RegExp])[] = [
  ['answers with garbage', garbage, 'upstream-garbled', /^Upstream bad sent an answer that cannot be used/],
  ['answers with HTTP 500', status500, 'upstream-http', /^Upstream bad answered with HTTP status 500$/],
  ['answers with something that is no list', notAList, 'upstream-garbled', /it is not a list$/],
  ['answers with items that are no objects', notItems, 'upstream-garbled', /no object$/],
  ['answers without a list', noList, 'upstream-garbled', /it is not a list$/],
  ['hangs up', hangsUp, 'upstream-reset', /^Upstream bad broke the connection/],
  ['answers with an error', refuses, 'upstream-refused', /^Out of order$/],
  ['redirects', redirects, 'upstream-redirect', /redirect/],
  ['does not let the gateway in', forbids, 'upstream-unauthorized', /401 or 403/],
];

describe.each(LEGS)('$name', (leg) => {
  describe.each(PAIRS)('a client of $revision on upstreams of the kind $era', ({ revision, era }) => {
    test.each(EACH_LIST)('sees %s of the others while one upstream is dead, and which one is missing', async (list) => {
      const { gateway, upstreams } = await openListing(specsOf(era), { leg });
      await upstreams.bad.stop();
      const peer = await gateway.client.connect(revision);
      const result = await listOf(peer, list);
      expect(await namesIn(peer, list)).toEqual(WITHOUT_BAD[list]);
      expect(result._meta[UNAVAILABLE]).toEqual([UNREACHABLE]);
      if (revision === MODERN) expect(result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
      expect(gateway.notices).toContainEqual({
        kind: 'upstream-unavailable',
        upstream: 'bad',
        member: list,
        reason: 'upstream-unreachable',
      });
    });

    test('reaches the others while one upstream is dead', async () => {
      const { gateway, upstreams } = await openListing(specsOf(era), { leg });
      await upstreams.bad.stop();
      const peer = await gateway.client.connect(revision);
      expect(await callTool(peer, 'one__a')).toBe('one:a');
      expect(await callTool(peer, 'bad__a')).toMatchObject({
        code: 1001,
        data: { upstream: 'bad', mayHaveRun: false },
      });
      expect(await callTool(peer, 'two__a')).toBe('two:a');
      expect(await getPrompt(peer, 'two__p')).toBe('two:p');
      expect(await readResource(peer, 'two://1')).toBe('two:two://1');
    });

    test('sees what an upstream has at once when it is back, at every environment', async () => {
      const { gateway, upstreams } = await openListing(specsOf(era), { leg });
      await upstreams.bad.stop();
      const peer = await gateway.client.connect(revision);
      for (const environment of gateway.environments) {
        expect(await namesIn(peer.through(environment))).toEqual(['one__a', 'two__a']);
      }
      await gateway.settled();
      await upstreams.bad.start();
      for (const environment of gateway.environments) {
        const result = await listOf(peer.through(environment));
        expect(result.tools).toHaveLength(3);
        expect(result._meta ?? {}).not.toHaveProperty(UNAVAILABLE);
        if (revision === MODERN) expect(result.ttlMs).toBeGreaterThan(0);
        // What a legacy upstream lists is for its session.
        if (revision === MODERN) expect(result.cacheScope).toBe(era === 'legacy' ? 'private' : 'public');
      }
    });

    test('does not get an empty list from the table because an upstream failed', async () => {
      const { gateway, upstreams } = await openListing({ bad: specsOf(era).bad }, { leg });
      const peer = await gateway.client.connect(revision);
      upstreams.bad.on('tools/list', status500);
      for (let time = 0; time < 2; time += 1) {
        await expect(listOf(peer)).rejects.toThrow('1009');
        await gateway.settled();
      }
      upstreams.bad.asUsual('tools/list');
      expect(await namesIn(peer)).toEqual(['bad__a']);
    });

    test('keeps seeing the last good list while it is fresh, though the upstream is dead', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock });
      const peer = await gateway.client.connect(revision);
      await listOf(peer);
      await gateway.settled();
      await upstreams.bad.stop();
      clock.advance(59_999);
      const fresh = await listOf(peer);
      expect(fresh.tools).toHaveLength(3);
      expect(fresh._meta ?? {}).not.toHaveProperty(UNAVAILABLE);
      clock.advance(1);
      const old = await listOf(peer);
      expect(namesOf(old)).toEqual(['one__a', 'two__a']);
      expect(old._meta[UNAVAILABLE]).toEqual([UNREACHABLE]);
    });

    test('gets an error that says why when every upstream is unavailable', async () => {
      const { one, two } = specsOf(era);
      const { gateway, upstreams } = await openListing({ one, two }, { leg });
      const peer = await gateway.client.connect(revision);
      await upstreams.one.stop();
      await upstreams.two.stop();
      const { messages } = await peer.request('tools/list');
      expect(messages[0]).not.toHaveProperty('result');
      expect(messages[0].error).toMatchObject({ code: 1001, data: { upstream: 'one' } });
    });

    test('waits 20 s for an upstream that is slow, and then sees the others', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock });
      const peer = await gateway.client.connect(revision);
      upstreams.bad.on('tools/list', status500);
      await listOf(peer);
      await gateway.settled();
      upstreams.bad.asUsual('tools/list');
      const gate = upstreams.bad.hold('tools/list');
      const listing = listOf(peer);
      await gate.entered;
      clock.advance(20_000);
      const result = await listing;
      expect(namesOf(result)).toEqual(['one__a', 'two__a']);
      expect(result._meta[UNAVAILABLE]).toEqual([
        { upstream: 'bad', reason: 'Upstream bad did not finish within 20000 ms' },
      ]);
      if (revision === MODERN) expect(result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
      gate.release();
      expect(await namesIn(peer)).toEqual(['one__a', 'bad__a', 'two__a']);
    });

    test('calls, gets and reads at the others while a slow one holds everything', async () => {
      const clock = createManualClock();
      const { gateway, upstreams } = await openListing(specsOf(era), { leg, clock });
      const peer = await gateway.client.connect(revision);
      const methods = ['initialize', 'server/discover', 'tools/call', 'tools/list', 'prompts/list', 'prompts/get'];
      for (const method of methods) upstreams.bad.hold(method);
      expect(await callTool(peer, 'one__a')).toBe('one:a');
      expect(await callTool(peer, 'two__a')).toBe('two:a');
      expect(await getPrompt(peer, 'two__p')).toBe('two:p');
    });
  });

  describe.each([MODERN, LEGACY])('a %s client', (revision) => {
    test.each(TROUBLES)('sees the others while one upstream %s', async (_what, script, reason, words) => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      upstreams.bad.on('tools/list', script);
      const peer = await gateway.client.connect(revision);
      const result = await listOf(peer);
      expect(namesOf(result)).toEqual(['one__a', 'two__a']);
      expect(result._meta[UNAVAILABLE]).toEqual([{ upstream: 'bad', reason: expect.stringMatching(words) }]);
      expect(gateway.notices).toEqual([{ kind: 'upstream-unavailable', upstream: 'bad', member: 'tools', reason }]);
      upstreams.bad.asUsual('tools/list');
      await gateway.settled();
      expect(await namesIn(peer)).toEqual(['one__a', 'bad__a', 'two__a']);
    });

    test('sees the others while one address leads to something that is no MCP server', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      for (const method of ['initialize', 'server/discover', 'tools/list']) {
        upstreams.bad.on(method, ({ response }) => {
          response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Hello</p>');
        });
      }
      const peer = await gateway.client.connect(revision);
      const result = await listOf(peer);
      expect(result.tools).toHaveLength(2);
      expect(result._meta[UNAVAILABLE]).toEqual([{ upstream: 'bad', reason: expect.stringMatching(/./) }]);
    });

    test('reads a URI that the first upstream lists without waiting for a slow one after it', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg, clock: createManualClock() });
      const peer = await gateway.client.connect(revision);
      for (const method of ['resources/list', 'resources/templates/list']) upstreams.bad.hold(method);
      expect(await readResource(peer, 'one://1')).toBe('one:one://1');
    }, 3000);

    test('sees no prompts of an upstream that declares them and then knows no such method', async () => {
      const { one, two } = specsOf('both');
      const liar = { tools: tools('a'), capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} } };
      const { gateway } = await openListing({ one, liar, two }, { leg });
      const peer = await gateway.client.connect(revision);
      for (const list of ['prompts', 'resources', 'resourceTemplates'] as const) {
        const result = await listOf(peer, list);
        expect(result[list]).toHaveLength(2);
        expect(result._meta ?? {}).not.toHaveProperty(UNAVAILABLE);
      }
      expect(await namesIn(peer)).toEqual(['one__a', 'liar__a', 'two__a']);
      expect(await getPrompt(peer, 'liar__p')).toMatchObject({ code: expect.any(Number) });
    });

    test('sees and calls the tools of an upstream that declares nothing', async () => {
      const { one, two } = specsOf('both');
      const modest = { ...specsOf('both').bad, capabilities: {} };
      const { gateway } = await openListing({ one, modest, two }, { leg });
      const peer = await gateway.client.connect(revision);
      expect(await namesIn(peer)).toEqual(['one__a', 'modest__a', 'two__a']);
      expect(await callTool(peer, 'modest__a')).toBe('modest:a');
      expect(await getPrompt(peer, 'modest__p')).toBe('modest:p');
      expect(await readResource(peer, 'bad://1')).toBe('modest:bad://1');
    });

    test('names every upstream that is missing, in configured order', async () => {
      const { gateway, upstreams } = await openListing(specsOf('both'), { leg });
      await upstreams.two.stop();
      upstreams.one.on('tools/list', status500);
      const result = await listOf(await gateway.client.connect(revision));
      expect(namesOf(result)).toEqual(['bad__a']);
      expect(result._meta[UNAVAILABLE]).toEqual([
        { upstream: 'one', reason: 'Upstream one answered with HTTP status 500' },
        { upstream: 'two', reason: 'Upstream two could not be reached' },
      ]);
    });

    test('gets a URI from the upstream that lists it next, while its owner is down, and from the owner after', async () => {
      const same = { resources: resources('doc://one'), ttlMs: 0, config: { listTtlMs: 0 } };
      const { gateway, upstreams } = await openListing({ one: same, two: same }, { leg });
      const peer = await gateway.client.connect(revision);
      expect(await readResource(peer, 'doc://one')).toBe('one:doc://one');
      await upstreams.one.stop();
      expect(await namesIn(peer, 'resources')).toEqual(['doc://one']);
      expect(await readResource(peer, 'doc://one')).toBe('two:doc://one');
      await upstreams.one.start();
      expect(await readResource(peer, 'doc://one')).toBe('one:doc://one');
    });
  });
});
