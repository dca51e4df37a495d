/**
 * Every client to every kind of upstream, beside another upstream in the same virtual server, through environments that
 * take turns: it gets what a client of the upstream's own era gets from the upstream itself.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { META } from '../../lib/protocol/modern/envelope.ts';
import { countsSessions, type JourneyUpstream } from '../support/journey-upstreams.ts';
import { CLIENTS, type ClientKind, type Traveller } from './clients.ts';
import { call, hearProgress, hearWarnings, STEPS, travel, type Way } from './journey.ts';
import { startPlatform, type Platform } from './platform.ts';
import { directClient, ROWS, type Row } from './rows.ts';
import { INSTRUCTIONS, URIS } from './surface.ts';
import { OPENED } from './witness.ts';

// A modern client of a legacy command has a process started for each of its calls.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const upstreams: Record<string, JourneyUpstream> = {};
let platform: Platform;

beforeAll(async () => {
  const started = await Promise.all(ROWS.map(async ({ name, start }) => [name, await start()] as const));
  Object.assign(upstreams, Object.fromEntries(started));
  platform = await startPlatform(upstreams);
});

afterAll(async () => {
  await platform?.close();
  await Promise.all(Object.values(upstreams).map((upstream) => upstream.close()));
});

const cells = ROWS.flatMap((row) => CLIENTS.map((client) => ({ ...row, row, client, who: client.name })));

describe.each(cells)('a $who of $says', ({ row, client }) => {
  const upstream = (): JourneyUpstream => upstreams[row.name]!;
  const prefix = `${row.name}__`;
  const open: Traveller[] = [];
  let way: Way;
  let direct: Record<string, unknown>;
  let directWarnings: unknown[];
  let found: Record<string, unknown>;

  const connect = async (): Promise<Way> => {
    const traveller = await client.connect(platform.addressOf(row.name), platform.fetch);
    open.push(traveller);
    return { traveller, prefix };
  };

  /** Sees what SDKs hide. */
  const connectRaw = async () => {
    const revision = client.era === 'modern' ? '2026-07-28' : '2025-11-25';
    const peer = await platform.harness.client.connect(revision, { path: `/mcp/${row.name}` });
    onTestFinished(async () => void (await peer.terminate()));
    return peer;
  };

  beforeAll(async () => {
    const traveller = await directClient(client, upstream()).connect(upstream().address);
    direct = await travel({ traveller, prefix: '' });
    directWarnings = await hearWarnings({ traveller, prefix: '' });
    await traveller.close();
    await upstream().witness.until(() => upstream().witness.sessions === 0);
    way = await connect();
    found = await travel(way);
  });

  afterAll(async () => {
    await Promise.all(open.map((traveller) => traveller.close()));
  });

  test.each(Object.keys(STEPS))('%s as it does from the upstream itself', (step) => {
    expect(found[step]).toEqual(direct[step]);
  });

  test('is told how to use both upstreams, and what they can do', () => {
    const { peer } = way.traveller;
    expect(peer.getInstructions()).toContain(INSTRUCTIONS);
    expect(peer.getInstructions()).toContain('Stay beside.');
    expect(Object.keys(peer.getServerCapabilities() ?? {}).toSorted()).toEqual([
      'completions',
      'logging',
      'prompts',
      'resources',
      'tools',
    ]);
  });

  test('reaches the upstream beside it as well', async () => {
    const { peer } = way.traveller;
    expect(await call({ ...way, prefix: 'beside__' }, 'echo')).toMatchObject({ content: [{ text: 'beside' }] });
    expect(await peer.readResource({ uri: 'beside://one' })).toMatchObject({ contents: [{ text: 'beside' }] });
  });

  test('hears that there is no such resource in the words of its own era', async () => {
    const peer = await connectRaw();
    const { messages } = await peer.request('resources/read', { uri: URIS.missing });
    expect(messages[0].error).toMatchObject({ code: client.era === 'modern' ? -32602 : row.missing });
  });

  test('hears of progress, in order', async () => {
    expect(await hearProgress(way)).toEqual([1, 2, 3].map((progress) => ({ progress, total: 3 })));
  });

  test('hears log messages of the level it wants', async () => {
    const warning = [expect.objectContaining({ level: 'warning', data: 'important' })];
    expect(await hearWarnings(way)).toEqual(client.era === 'modern' ? warning : directWarnings);
  });

  test('can ping where its era has that', async () => {
    const { messages } = await (await connectRaw()).request('ping');
    expect(messages[0]).toMatchObject(client.era === 'legacy' ? { result: {} } : { error: { code: -32601 } });
  });

  test('has six calls under way at once', async () => {
    const word = randomUUID();
    const calls = Array.from({ length: 6 }, () => call(way, 'wait', { word }));
    await upstream().witness.noted(`waiting for ${word}`, 6);
    upstream().witness.say(word);
    for (const result of await Promise.all(calls)) expect(result).toMatchObject({ content: [{ text: word }] });
  });

  test('has a quick call answered while another is held', async () => {
    const word = randomUUID();
    const held = call(way, 'wait', { word });
    await upstream().witness.noted(`waiting for ${word}`);
    expect(await call(way, 'echo', { text: 'quick' })).toMatchObject({ content: [{ text: 'quick' }] });
    upstream().witness.say(word);
    expect(await held).toMatchObject({ content: [{ text: word }] });
  });

  test('cancels a call in the upstream itself', async () => {
    const word = randomUUID();
    const cancelling = new AbortController();
    const cancelled = call(way, 'wait', { word }, { signal: cancelling.signal });
    await upstream().witness.noted(`waiting for ${word}`);
    cancelling.abort();
    expect(await cancelled).toHaveProperty('error');
    await upstream().witness.noted(`cancelled ${word}`);
  });

  test('never sees the state of another client', async () => {
    const [mine, other] = [await connect(), await connect()];
    const counts: string[] = [];
    for (const one of [mine, mine, other, mine]) counts.push((await call(one, 'count')).content[0].text);
    expect(counts).toEqual(keeps(row, client) ? ['1', '2', '1', '3'] : ['1', '1', '1', '1']);
  });

  test('is asked what it can be asked, and hears why otherwise', async () => {
    const answer = await call(way, 'ask');
    const { eras } = upstream();
    if (isAsked(row, client, eras)) {
      expect(answer).toMatchObject({ content: [{ text: 'accept {"name":"Péer"}' }] });
    } else if (row.name === 'stateless') {
      expect(answer).toMatchObject({ content: [{ text: 'refused, as it is not known who asks' }] });
    } else if (eras.includes('legacy')) {
      expect(answer).toMatchObject({ content: [{ text: expect.stringMatching(/^refused -32601 .*cannot be asked/) }] });
    } else {
      const { code, message, data } = answer.error;
      expect([code, data.upstream, message]).toEqual([1022, row.name, expect.stringContaining('elicitation')]);
    }
  });

  test('has progress under its own token, and an answer in the form of its own era', async () => {
    const peer = await connectRaw();
    const params = { name: `${prefix}steps`, arguments: { count: 1 } };
    const { messages } = await peer.request('tools/call', params, { id: 'raw', progressToken: 'mine' });
    expect(messages[0].params).toEqual({ progressToken: 'mine', progress: 1, total: 1 });
    expect(messages).toHaveLength(2);
    const lists = await peer.request('tools/list');
    const read = await peer.request('resources/read', { uri: URIS.one });
    const hints = ['cacheScope', 'resultType', 'ttlMs'];
    const results = [messages[1].result, lists.messages[0].result, read.messages[0].result];
    const said = results.map((result) =>
      Object.keys(result)
        .filter((key) => hints.includes(key))
        .toSorted(),
    );
    expect(said).toEqual(client.era === 'modern' ? [['resultType'], hints, hints] : [[], [], []]);
    expect(results.map(({ _meta }) => _meta?.[META.serverInfo] !== undefined)).toEqual(
      results.map(() => client.era === 'modern'),
    );
  });

  test('leaves no session behind, and has no more of them than it needs', async () => {
    const { witness } = upstream();
    await platform.harness.settled();
    const before = witness.count(OPENED);
    const own = await connect();
    for (const _ of [1, 2]) await call(own, 'count');
    await platform.harness.settled();
    if (countsSessions(upstream())) {
      expect(witness.count(OPENED) - before).toBe(needed(row, client, upstream().eras));
    }
    await Promise.all(open.splice(0).map((traveller) => traveller.close()));
    await platform.harness.settled();
    await witness.until(() => witness.sessions === 0);
  });
});

/** Whether calls of one client share what the upstream keeps. */
function keeps({ sessions }: Row, { era }: ClientKind): boolean {
  return era === 'legacy' && sessions === 'kept';
}

/** Sessions for two calls. A server without session ids is told of each anew. */
function needed({ sessions, name }: Row, { era }: ClientKind, eras: JourneyUpstream['eras']): number {
  if (era === 'modern') return eras.includes('modern') ? 0 : 2;
  if (name === 'stateless') return 1;
  return { kept: 1, 'of-each-call': 2, none: 0 }[sessions];
}

/** Questions need a session that the client's answer can find, or an era in which a result asks. */
function isAsked({ sessions }: Row, { era }: ClientKind, eras: JourneyUpstream['eras']): boolean {
  return era === 'modern' ? eras.includes('modern') : sessions === 'kept';
}
