import { describe, expect, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import type { ClientSession } from '../../lib/ports/client-sessions.ts';
import type { UpstreamSession } from '../../lib/ports/upstream-sessions.ts';
import { callToLegacy } from '../../lib/protocol/call.ts';
import { newClientSession } from '../../lib/sessions/client-session.ts';
import { mayHaveRun } from '../../lib/policies/repeat.ts';
import {
  attachedSession,
  callLegacy,
  openUpstreamSession,
  type SessionKeeper,
  UNKEPT,
} from '../../lib/upstream/legacy.ts';
import { closeUpstreamSession, tellUpstream } from '../../lib/upstream/session.ts';
import { callOf, requestText } from '../protocol/samples.ts';
import { MemoryBody, type Answer } from '../support/memory-transport.ts';
import { turn } from '../support/turn.ts';
import { createLegacyServer, type LegacyServer } from './legacy-server.ts';
import {
  collectAll,
  connect,
  errorOf,
  eventsAnswer,
  eventsText,
  jsonAnswer,
  linkOf,
  noteOf,
  resultOf,
  type Connection,
  type ConnectionOptions,
} from './kit.ts';

const NOW = Date.UTC(2026, 0, 1);
const CLIENT = {
  protocolVersion: '2025-11-25',
  clientCapabilities: { roots: {}, tasks: {} },
  clientInfo: { name: 'client', version: '1' },
};

interface World extends Connection {
  readonly server: LegacyServer;
  /** What was sent, in short: method and session, `DELETE` for the end of one. */
  readonly story: readonly string[];
}

function world(server = createLegacyServer(), options?: ConnectionOptions): World {
  const connection = connect((request, message) => server.answer(request, message), options);
  return {
    ...connection,
    server,
    get story() {
      return connection.transport.requests.map((request, index) => {
        const name = request.method === 'DELETE' ? 'DELETE' : (connection.sent()[index]?.method ?? 'answer');
        return `${name} ${request.headers['mcp-session-id'] ?? '-'}`;
      });
    },
  };
}

const open = (on: Connection) => openUpstreamSession(on.link, CLIENT, cryptoIds, on.tools);

// --------------------------------------------------------------------------------------------- opening a session

describe('opening a session', () => {
  test('is initialize, and then the notification that it is done', async () => {
    const on = world();
    await open(on);
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1']);
  });

  test('introduces the client, without what cannot be carried', async () => {
    const on = world();
    await open(on);
    expect(on.sent()[0]?.params).toEqual({
      protocolVersion: '2025-11-25',
      capabilities: { roots: {} },
      clientInfo: { name: 'client', version: '1' },
    });
  });

  test('gives the session, and what the server said', async () => {
    expect(await open(world(createLegacyServer('2025-06-18')))).toEqual({
      kind: 'opened',
      session: { generation: expect.any(String), id: 's1', protocolVersion: '2025-06-18', attachedAt: NOW },
      hello: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, instructions: undefined },
    });
  });

  test('gives every session a generation of its own', async () => {
    const on = world();
    const generations = [await open(on), await open(on)].map(
      (opened) => opened.kind === 'opened' && opened.session.generation,
    );
    expect(new Set(generations).size).toBe(2);
  });

  test('names the version agreed upon from then on', async () => {
    const on = world(createLegacyServer('2025-03-26'));
    await open(on);
    expect(on.transport.requests.map(({ headers }) => headers['mcp-protocol-version'])).toEqual([
      undefined,
      '2025-03-26',
    ]);
  });

  test('works where the server issues no session id', async () => {
    const on = world(createLegacyServer('2025-11-25', false));
    expect(await open(on)).toMatchObject({ kind: 'opened', session: { id: null } });
    expect(on.story).toEqual(['initialize -', 'notifications/initialized -']);
  });

  test.each(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])('works with a server of %s', async (version) => {
    expect(await open(world(createLegacyServer(version)))).toMatchObject({ kind: 'opened' });
  });

  test('reads the answer from a stream of events', async () => {
    const on = world();
    on.server.onInitialize = ({ id }, session) => {
      const result = resultOf(id, { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} });
      return eventsAnswer(eventsText(noteOf('notifications/message', {}), result), { 'mcp-session-id': session });
    };
    expect(await open(on)).toMatchObject({ kind: 'opened', session: { id: 's1' } });
  });

  test('leaves nothing behind of a session whose opening broke off, or was refused', async () => {
    for (const broken of [eventsText(noteOf('notifications/message', {})), undefined]) {
      const on = world();
      on.server.onInitialize = ({ id }, session) => {
        const headers = { 'mcp-session-id': session };
        return broken === undefined
          ? jsonAnswer(errorOf(id, -32603, 'not now'), headers)
          : eventsAnswer(broken, headers);
      };
      expect((await open(on)).kind).toBe(broken === undefined ? 'refused' : 'end');
      await on.settle();
      expect(on.story).toEqual(['initialize -', 'DELETE s1']);
    }
  });

  test.each(['2026-07-28', '2099-01-01', '2024-10-07', ''])(
    'fails with a server that answers with version %j',
    async (version) => {
      const end = { kind: 'upstream-garbled', reason: 'it is not an answer to initialize' };
      expect(await open(world(createLegacyServer(version)))).toEqual({ kind: 'end', end });
    },
  );

  test.each(['', 'a b', 'caf\u00e9', 'a\u0000b', 'x'.repeat(1025)])(
    'fails with the session id %j, which no header can carry',
    async (id) => {
      const on = world();
      const issue = on.server.onInitialize;
      on.server.onInitialize = (message) => issue(message, id);
      expect(await open(on)).toMatchObject({ kind: 'end', end: { kind: 'upstream-garbled' } });
    },
  );

  test('fails with a result that is none of initialize', async () => {
    const on = world();
    on.server.onInitialize = ({ id }) => jsonAnswer(resultOf(id, { ok: true }));
    expect(await open(on)).toMatchObject({ kind: 'end', end: { kind: 'upstream-garbled' } });
  });

  test.each([
    [200, -32602],
    [400, -32000],
    [404, -32601],
  ])('is refused with status %i in the words of the server', async (status, code) => {
    const on = world();
    on.server.onInitialize = ({ id }) => jsonAnswer(errorOf(id, code, 'no'), {}, status);
    expect(await open(on)).toMatchObject({ kind: 'refused', status, error: { code, message: 'no' } });
  });

  test.each([
    [{ failure: 'unreachable', sent: false }, { kind: 'upstream-unreachable' }],
    [{ status: 500 }, { kind: 'upstream-http', status: 500 }],
    [{ status: 202 }, { kind: 'upstream-closed' }],
    [eventsAnswer(''), { kind: 'upstream-closed' }],
  ] as const)('ends with what went wrong: %o', async (answer, end) => {
    const on = world();
    on.server.onInitialize = () => answer;
    expect(await open(on)).toEqual({ kind: 'end', end });
  });

  test('counts as not having run anything, whatever goes wrong', async () => {
    const on = world();
    on.server.onInitialize = () => ({ failure: 'reset', sent: true });
    await open(on);
    expect([on.tally.phase, on.tally.sent, on.tally.attempts]).toEqual(['session', false, 0]);
  });

  test('does not mind a server that refuses to be told that it is done', async () => {
    const on = world();
    on.server.onNotification = () => ({ status: 400 });
    expect(await open(on)).toMatchObject({ kind: 'opened' });
  });

  test('does not read a stream that the server begins when it is told that it is done', async () => {
    const on = world();
    on.server.onNotification = () => eventsAnswer(new MemoryBody());
    expect(await open(on)).toMatchObject({ kind: 'opened' });
    expect(on.transport.exchanges.map(({ state }) => state)).toEqual(['drained', 'closed']);
  });

  test('that fails in its last step leaves no session behind', async () => {
    const on = world();
    on.server.onNotification = () => ({ failure: 'reset', sent: true });
    expect(await open(on)).toEqual({ kind: 'end', end: { kind: 'upstream-reset' } });
    await on.settle();
    expect([...on.server.sessions]).toEqual([]);
  });
});

// ------------------------------------------------------------------------------------------------------- a call

/** A client session in a store, as several environments see it. */
async function sessionWith(attached: Record<string, UpstreamSession> = {}, fields: Partial<ClientSession> = {}) {
  const { clientSessions } = createMemoryStores()({ requests: 0 });
  const fresh = newClientSession(
    { key: 'key', server: 'default', caller: 'caller', ...CLIENT, upstreamSessions: attached },
    NOW,
  );
  await clientSessions.create({ ...fresh, ...fields });
  const retired: UpstreamSession[] = [];
  const keeper = async (): Promise<SessionKeeper> => {
    const client = await clientSessions.read('key');
    if (client === undefined) throw new Error('The session is gone');
    return {
      identity: client,
      current: async () => attachedSession(client, linkOf()),
      attach: (session, replaces) => clientSessions.attach('key', 'time', session, replaces),
      doubt: ({ generation }) => void clientSessions.setDoubt('key', 'time', generation, true),
      trust: ({ generation }) => void clientSessions.setDoubt('key', 'time', generation, false),
      retire: (session) => void retired.push(session),
      logLevel: client.logLevel,
      latestLogLevel: async () => (await clientSessions.read('key'))?.logLevel,
      levelOfCall: undefined,
      endsWithCall: false,
      canAsk: true,
    };
  };
  return {
    clientSessions,
    retired,
    keeper,
    attached: async () => (await clientSessions.read('key'))?.upstreamSessions['time'],
  };
}

const upstreamSession = (id: string | null): UpstreamSession => ({
  generation: `generation of ${id}`,
  id,
  protocolVersion: '2025-11-25',
  attachedAt: NOW,
});

const CALL = callOf(requestText('tools/call', { name: 'time__now', arguments: {} }));

const call = (on: Connection, keeper: SessionKeeper) =>
  callLegacy(on.link, (id, context) => callToLegacy(CALL, id, 'now', context), keeper, cryptoIds, on.tools);

/** Everything that a call brings forth, the news of a session that was opened for it aside. */
const run = async (on: Connection, keeper: SessionKeeper) =>
  (await collectAll(call(on, keeper))).events.filter(({ kind }) => kind !== 'opened');

/** A server on which the session `s1` is open already, and a client session that it is attached to. */
async function attachedWorld(options?: ConnectionOptions, fields?: Partial<ClientSession>) {
  const on = world(createLegacyServer(), options);
  await on.server.answer({ ...EMPTY_REQUEST, body: '{}' }, { method: 'initialize', id: 0 });
  const session = await sessionWith({ time: upstreamSession('s1') }, fields);
  return { on, session, keeper: await session.keeper() };
}

const EMPTY_REQUEST = {
  url: '',
  method: 'POST',
  headers: {},
  body: '',
  connectTimeoutMs: 0,
  signal: new AbortController().signal,
} as const;

describe('a call in a session that is attached', () => {
  test('is one request, in that session', async () => {
    const { on, keeper } = await attachedWorld();
    expect(await run(on, keeper)).toMatchObject([{ kind: 'final' }]);
    expect(on.story).toEqual(['tools/call s1']);
  });

  test('names the version of the session, and the target as the server does', async () => {
    const { on, keeper } = await attachedWorld();
    await run(on, keeper);
    expect(on.transport.requests[0]?.headers).toMatchObject({
      'mcp-protocol-version': '2025-11-25',
      'mcp-session-id': 's1',
    });
    expect(on.sent()[0]?.params).toEqual({ name: 'now', arguments: {} });
  });

  test('has an id that no other call has', async () => {
    const { on, keeper } = await attachedWorld();
    await Promise.all([run(on, keeper), run(on, keeper), run(on, keeper)]);
    expect(new Set(on.sent().map(({ id }) => id)).size).toBe(3);
  });

  test('runs beside others', async () => {
    const { on, keeper } = await attachedWorld();
    const released = Promise.withResolvers<void>();
    let inside = 0;
    on.server.onCall = async ({ id }) => {
      inside += 1;
      if (inside === 6) released.resolve();
      await released.promise;
      return jsonAnswer(resultOf(id));
    };
    const all = await Promise.all(Array.from({ length: 6 }, () => run(on, keeper)));
    expect(all.map((events) => events.map(({ kind }) => kind))).toEqual(Array.from({ length: 6 }, () => ['final']));
  });

  test('has no session header where the server issues no id', async () => {
    const on = world(createLegacyServer('2025-11-25', false));
    const session = await sessionWith({ time: upstreamSession(null) });
    await run(on, await session.keeper());
    expect(on.story).toEqual(['tools/call -']);
  });

  test('that is refused ends in the words of the server', async () => {
    const { on, keeper } = await attachedWorld();
    on.server.onCall = ({ id }) => jsonAnswer(errorOf(id, -32602, 'no such tool'), {}, 400);
    expect(await run(on, keeper)).toMatchObject([
      { kind: 'final', response: { body: { error: { message: 'no such tool' } } } },
    ]);
    expect(on.story).toEqual(['tools/call s1']);
  });

  test('that is refused without words is known by its status', async () => {
    const { on, keeper } = await attachedWorld();
    on.server.onCall = () => ({ status: 409 });
    expect(await run(on, keeper)).toEqual([{ kind: 'end', end: { kind: 'upstream-http', status: 409 } }]);
  });

  test.each([
    [{ failure: 'unreachable', sent: false }, 'upstream-unreachable', false],
    [{ failure: 'reset', sent: true }, 'upstream-reset', true],
    [{ status: 503 }, 'upstream-http', true],
    [{ status: 429 }, 'upstream-throttled', false],
  ] as const)('that fails with %o is not sent again', async (answer, kind, mayRun) => {
    const { on, keeper } = await attachedWorld();
    on.server.onCall = () => answer;
    const events = await run(on, keeper);
    expect(events).toMatchObject([{ kind: 'end', end: { kind } }]);
    const [event] = events;
    const may =
      event?.kind === 'end' &&
      event.end.kind !== 'cancelled' &&
      mayHaveRun({ kind: event.end.kind, sent: on.tally.sent });
    expect([on.tally.attempts, may]).toEqual([1, mayRun]);
  });
});

describe('a call in a client session without one', () => {
  test('opens a session first, and attaches it', async () => {
    const on = world();
    const session = await sessionWith();
    expect(await run(on, await session.keeper())).toMatchObject([{ kind: 'final' }]);
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1', 'tools/call s1']);
    expect(await session.attached()).toMatchObject({ id: 's1' });
  });

  test('is not misled by names that every object has', () => {
    const client = newClientSession(
      { key: 'key', server: 'default', caller: 'caller', ...CLIENT, upstreamSessions: {} },
      NOW,
    );
    for (const name of ['constructor', '__proto__', 'toString']) {
      expect(attachedSession(client, { ...linkOf(), name })).toBeUndefined();
    }
  });

  test('replays the log level before it attaches the session', async () => {
    const on = world();
    const session = await sessionWith({}, { logLevel: 'warning' });
    await run(on, await session.keeper());
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1', 'logging/setLevel s1', 'tools/call s1']);
    expect(on.sent()[2]?.params).toEqual({ level: 'warning' });
  });

  test('passes on a level that was set while it attached the session, and so found nothing attached', async () => {
    const on = world();
    const session = await sessionWith();
    const keeper = await session.keeper();
    await run(on, {
      ...keeper,
      attach: async (opened, replaces) => {
        await session.clientSessions.setLogLevel('key', 'debug');
        return keeper.attach(opened, replaces);
      },
    });
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1', 'logging/setLevel s1', 'tools/call s1']);
    expect(on.sent()[2]?.params).toEqual({ level: 'debug' });
  });

  test('goes on when the server wants no log level', async () => {
    const on = world();
    const { answer } = on.server;
    const refusing = connect((request, message) =>
      message.method === 'logging/setLevel' ? { status: 400 } : answer(request, message),
    );
    const session = await sessionWith({}, { logLevel: 'warning' });
    expect(await run(refusing, await session.keeper())).toMatchObject([{ kind: 'final' }]);
  });

  test('ends with what went wrong when none can be opened', async () => {
    const on = world();
    on.server.onInitialize = () => ({ failure: 'unreachable', sent: false });
    const session = await sessionWith();
    expect(await run(on, await session.keeper())).toEqual([{ kind: 'end', end: { kind: 'upstream-unreachable' } }]);
    expect(await session.attached()).toBeUndefined();
  });

  test('says so when the server refuses to open one', async () => {
    const on = world();
    on.server.onInitialize = ({ id }) => jsonAnswer(errorOf(id, -32022, 'modern only'), {}, 400);
    const session = await sessionWith();
    expect(await run(on, await session.keeper())).toMatchObject([
      { kind: 'session-refused', refusal: { status: 400, error: { code: -32022, message: 'modern only' } } },
    ]);
  });

  test('uses the session of another environment that was faster, and closes its own', async () => {
    const on = world();
    const session = await sessionWith();
    const keeper = await session.keeper();
    const faster: SessionKeeper = {
      ...keeper,
      attach: async (own, replaces) => {
        await on.server.answer({ ...EMPTY_REQUEST, body: '{}' }, { method: 'initialize', id: 0 });
        await session.clientSessions.attach('key', 'time', upstreamSession('s2'), undefined);
        return keeper.attach(own, replaces);
      },
    };
    expect(await run(on, faster)).toMatchObject([{ kind: 'final' }]);
    await on.settle();
    expect(on.story).toEqual(
      ['initialize -', 'notifications/initialized s1', 'tools/call s2', 'DELETE s1'].toSorted(byStory),
    );
    expect([...on.server.sessions]).toEqual(['s2']);
  });

  test('of several environments at once leaves one session, and every call in it', async () => {
    const on = world();
    const session = await sessionWith();
    const keepers = await Promise.all(Array.from({ length: 5 }, () => session.keeper()));
    await Promise.all(keepers.map((keeper) => run(on, keeper)));
    await on.settle();
    const winner = (await session.attached())?.id;
    expect([...on.server.sessions]).toEqual([winner]);
    const calls = on.story.filter((line) => line.startsWith('tools/call'));
    expect(calls).toEqual(Array.from({ length: 5 }, () => `tools/call ${winner}`));
  });

  test('is not sent when the client session was terminated meanwhile', async () => {
    const on = world();
    const session = await sessionWith();
    const keeper = await session.keeper();
    await session.clientSessions.terminate('key');
    expect(await run(on, keeper)).toEqual([{ kind: 'session-gone' }]);
    await on.settle();
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1', 'DELETE s1']);
  });

  test('leaves no session behind when the store does not answer', async () => {
    const on = world();
    const session = await sessionWith();
    const keeper = { ...(await session.keeper()), attach: () => Promise.reject(new Error('down')) };
    await expect(run(on, keeper)).rejects.toThrow('down');
    await on.settle();
    expect([...on.server.sessions]).toEqual([]);
  });
});

describe('a session that is opened for a call', () => {
  const HELLO = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, instructions: undefined };

  test('is told of, with what the server said, before anything else is', async () => {
    const on = world();
    const session = await sessionWith();
    const { events } = await collectAll(call(on, await session.keeper()));
    expect(events).toMatchObject([{ kind: 'opened', hello: HELLO }, { kind: 'final' }]);
  });

  test('is told of when it replaces one that was lost', async () => {
    const { on, keeper } = await attachedWorld();
    on.server.sessions.clear();
    const { events } = await collectAll(call(on, keeper));
    expect(events.map(({ kind }) => kind)).toEqual(['opened', 'final']);
  });

  test('is not told of when that of another environment is used', async () => {
    const on = world();
    const session = await sessionWith();
    const keeper = await session.keeper();
    await on.server.answer({ ...EMPTY_REQUEST, body: '{}' }, { method: 'initialize', id: 0 });
    await session.clientSessions.attach('key', 'time', upstreamSession('s1'), undefined);
    const { events } = await collectAll(call(on, keeper));
    expect(events.map(({ kind }) => kind)).toEqual(['final']);
  });

  test('is all there is when nothing is to be called', async () => {
    const on = world();
    const session = await sessionWith();
    const keeper = await session.keeper();
    const { events } = await collectAll(callLegacy(on.link, undefined, keeper, cryptoIds, on.tools));
    expect(events).toEqual([{ kind: 'opened', hello: HELLO }]);
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1']);
    expect(await session.attached()).toMatchObject({ id: 's1' });
  });

  test('is not opened when one is attached and nothing is to be called', async () => {
    const { on, keeper } = await attachedWorld();
    expect((await collectAll(callLegacy(on.link, undefined, keeper, cryptoIds, on.tools))).events).toEqual([]);
    expect(on.story).toEqual([]);
  });
});

describe('a session that ends with its call', () => {
  /** As for a client without a session: nothing is kept. */
  const fresh = (fields: Partial<SessionKeeper> = {}): SessionKeeper => ({
    identity: CLIENT,
    current: async () => undefined,
    attach: async () => ({ kind: 'attached' }),
    ...UNKEPT,
    logLevel: undefined,
    latestLogLevel: async () => undefined,
    levelOfCall: undefined,
    endsWithCall: true,
    canAsk: false,
    ...fields,
  });

  test('is closed after the answer', async () => {
    const on = world();
    expect(await run(on, fresh())).toMatchObject([{ kind: 'final' }]);
    await on.settle();
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1', 'tools/call s1', 'DELETE s1']);
  });

  test('is another one for each call', async () => {
    const on = world();
    await Promise.all([run(on, fresh()), run(on, fresh())]);
    await on.settle();
    expect(on.story.filter((line) => line.startsWith('tools/call')).toSorted()).toEqual([
      'tools/call s1',
      'tools/call s2',
    ]);
    expect([...on.server.sessions]).toEqual([]);
  });

  test('is closed after an error', async () => {
    const on = world();
    on.server.onCall = () => ({ failure: 'reset', sent: true });
    expect(await run(on, fresh())).toMatchObject([{ kind: 'end', end: { kind: 'upstream-reset' } }]);
    await on.settle();
    expect([...on.server.sessions]).toEqual([]);
  });

  test('is closed when the client goes away in the middle', async () => {
    const on = world();
    const body = new MemoryBody();
    body.push(eventsText(noteOf('notifications/message', {})));
    on.server.onCall = () => eventsAnswer(body);
    const events = call(on, fresh());
    for (const kind of ['opened', 'interim']) expect((await events.next()).value).toMatchObject({ kind });
    await events.return();
    await on.settle();
    expect(on.story.at(-1)).toBe('DELETE s1');
    expect([...on.server.sessions]).toEqual([]);
  });

  test('is closed when nothing was to be called', async () => {
    const on = world();
    await collectAll(callLegacy(on.link, undefined, fresh(), cryptoIds, on.tools));
    await on.settle();
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1', 'DELETE s1']);
  });

  test('is told the level of the call before the call', async () => {
    const on = world();
    await run(on, fresh({ logLevel: 'error', latestLogLevel: async () => 'error' }));
    await on.settle();
    expect(on.story).toContain('logging/setLevel s1');
    expect(on.story.indexOf('logging/setLevel s1')).toBeLessThan(on.story.indexOf('tools/call s1'));
  });

  test('that the server loses at once is replaced once, and none is left', async () => {
    const on = world();
    on.server.onCall = (_message, session) => {
      if (session !== undefined) on.server.sessions.delete(session);
      return { status: 404 };
    };
    expect(await run(on, fresh())).toEqual([{ kind: 'end', end: { kind: 'upstream-session-lost' } }]);
    expect(on.story.filter((line) => line.startsWith('tools/call'))).toEqual(['tools/call s1', 'tools/call s2']);
    await on.settle();
    expect([...on.server.sessions]).toEqual([]);
  });

  test('is not kept where the client cannot be asked, who is declined for', async () => {
    const on = world();
    on.server.onCall = ({ id }) =>
      eventsAnswer(eventsText({ jsonrpc: '2.0', id: 7, method: 'elicitation/create', params: {} }, resultOf(id)));
    expect(await run(on, fresh())).toMatchObject([{ kind: 'final' }]);
    await on.settle();
    const answers = on.sent().filter(({ method, id }) => method === undefined && id === 7);
    expect(answers).toMatchObject([{ error: { code: -32601 } }]);
  });
});

describe('a session that several calls share', () => {
  test('is told the level of each call that wants one, before the call', async () => {
    const { on, keeper } = await attachedWorld();
    await run(on, { ...keeper, levelOfCall: 'debug' });
    await run(on, { ...keeper, levelOfCall: 'error' });
    expect(on.story).toEqual(['logging/setLevel s1', 'tools/call s1', 'logging/setLevel s1', 'tools/call s1']);
    expect([on.sent()[0]?.params, on.sent()[2]?.params]).toEqual([{ level: 'debug' }, { level: 'error' }]);
  });

  test('is not told any level by a call that wants none', async () => {
    const { on, keeper } = await attachedWorld();
    await run(on, { ...keeper, levelOfCall: undefined });
    expect(on.story).toEqual(['tools/call s1']);
  });

  test('is told the level once when it is opened for the call', async () => {
    const on = world();
    const session = await sessionWith({}, { logLevel: 'debug' });
    await run(on, { ...(await session.keeper()), levelOfCall: 'debug' });
    expect(on.story).toEqual(['initialize -', 'notifications/initialized s1', 'logging/setLevel s1', 'tools/call s1']);
  });

  test('is told the level of a call that another environment was faster to open it for', async () => {
    const on = world();
    const session = await sessionWith({}, { logLevel: 'debug' });
    const keeper = await session.keeper();
    await on.server.answer({ ...EMPTY_REQUEST, body: '{}' }, { method: 'initialize', id: 0 });
    await session.clientSessions.attach('key', 'time', upstreamSession('s1'), undefined);
    await run(on, { ...keeper, levelOfCall: 'debug' });
    const inWinner = on.story.filter((line) => line.endsWith(' s1'));
    expect(inWinner).toEqual(['logging/setLevel s1', 'tools/call s1']);
  });

  test('is not closed after a call', async () => {
    const { on, keeper } = await attachedWorld();
    await run(on, keeper);
    await on.settle();
    expect([...on.server.sessions]).toEqual(['s1']);
  });
});

/** Work that no answer waits for may come before or after the call. */
function byStory(left: string, right: string): number {
  const order = ['initialize', 'notifications', 'DELETE', 'tools'];
  return order.findIndex((name) => left.startsWith(name)) - order.findIndex((name) => right.startsWith(name));
}

describe('a session that the server has forgotten', () => {
  test('is replaced, and the call sent again', async () => {
    const { on, session, keeper } = await attachedWorld();
    on.server.sessions.clear();
    expect(await run(on, keeper)).toMatchObject([{ kind: 'final' }]);
    expect(on.story).toEqual(['tools/call s1', 'initialize -', 'notifications/initialized s2', 'tools/call s2']);
    expect(await session.attached()).toMatchObject({ id: 's2' });
    expect([on.tally.attempts, on.tally.sent]).toEqual([2, true]);
  });

  test('is replaced under another id of the call', async () => {
    const { on, keeper } = await attachedWorld();
    on.server.sessions.clear();
    await run(on, keeper);
    expect(on.sent()[0]?.id).not.toBe(on.sent().at(-1)?.id);
  });

  test('gets the log level of the client again', async () => {
    const { on, keeper } = await attachedWorld({}, { logLevel: 'debug' });
    on.server.sessions.clear();
    await run(on, keeper);
    expect(on.story).toContain('logging/setLevel s2');
  });

  test.each(['Bad Request: No valid session ID provided', 'Session not found'])(
    'may say so with status 400: %s',
    async (message) => {
      const { on, keeper } = await attachedWorld();
      const normal = on.server.onCall;
      on.server.onCall = (sent, session) =>
        session === 's1' ? jsonAnswer(errorOf(null, -32000, message), {}, 400) : normal(sent, session);
      expect(await run(on, keeper)).toMatchObject([{ kind: 'final', response: { body: { result: {} } } }]);
    },
  );

  test('is replaced once only', async () => {
    const { on, keeper } = await attachedWorld();
    on.server.onCall = () => ({ status: 404 });
    expect(await run(on, keeper)).toEqual([{ kind: 'end', end: { kind: 'upstream-session-lost' } }]);
    expect(on.story).toEqual(['tools/call s1', 'initialize -', 'notifications/initialized s2', 'tools/call s2']);
    expect(mayHaveRun({ kind: 'upstream-session-lost', sent: on.tally.sent })).toBe(false);
  });

  test('is replaced by what another environment has put in its place', async () => {
    const { on, session, keeper } = await attachedWorld();
    on.server.sessions.clear();
    await run(on, await session.keeper());
    await run(on, keeper);
    await on.settle();
    expect([...on.server.sessions]).toEqual(['s2']);
    expect(await session.attached()).toMatchObject({ id: 's2' });
    expect(on.story.filter((line) => line.startsWith('tools/call'))).toEqual([
      'tools/call s1',
      'tools/call s2',
      'tools/call s1',
      'tools/call s2',
    ]);
  });

  test('that never had an id cannot be forgotten', async () => {
    const on = world(createLegacyServer('2025-11-25', false));
    on.server.onCall = () => ({ status: 404 });
    const session = await sessionWith({ time: upstreamSession(null) });
    expect(await run(on, await session.keeper())).toEqual([
      { kind: 'end', end: { kind: 'upstream-http', status: 404 } },
    ]);
    expect(on.story).toEqual(['tools/call -']);
  });
});

describe('a session in which a call has failed', () => {
  const silent = (): Answer => eventsAnswer(new MemoryBody());

  /** A server whose session `s1` is attached and doubted. */
  async function doubtedWorld(fields?: Partial<ClientSession>) {
    const attached = await attachedWorld({}, fields);
    await attached.session.clientSessions.setDoubt('key', 'time', upstreamSession('s1').generation, true);
    return { ...attached, keeper: await attached.session.keeper() };
  }

  /** Answers pings as given, and calls as ever. */
  function answerPings(on: World, answer: (message: { id?: unknown }) => Answer | Promise<Answer>): void {
    const normal = on.server.onCall;
    on.server.onCall = (message, session) => (message.method === 'ping' ? answer(message) : normal(message, session));
  }

  describe('is doubted', () => {
    const half = (): Answer => {
      const body = new MemoryBody();
      body.push(eventsText(noteOf('notifications/message', {})));
      body.end();
      return eventsAnswer(body);
    };

    test.each([
      ['was reset', (): Answer => ({ failure: 'reset', sent: true })],
      ['answered with nothing', (): Answer => ({ status: 202 })],
      ['ended its stream without an answer', half],
      ['answered with status 500', (): Answer => ({ status: 500 })],
      ['answered with status 503', (): Answer => ({ status: 503 })],
      ['answered with what is no JSON', (): Answer => ({ ...jsonAnswer({}), body: '<html>' })],
    ] as const)('when it %s', async (_what, answer) => {
      const { on, session, keeper } = await attachedWorld();
      on.server.onCall = answer;
      await run(on, keeper);
      expect(await session.attached()).toMatchObject({ id: 's1', doubted: true });
    });

    test.each([
      ['in all', {}, 'upstream-timeout'],
      ['for a sign of life', { limits: { idleMs: 5000 } }, 'upstream-idle'],
    ] as const)('when the time is over that it had %s', async (_what, options, kind) => {
      const { on, session, keeper } = await attachedWorld(options);
      on.server.onCall = silent;
      const running = run(on, keeper);
      await turn();
      on.clock.advance(55_000);
      expect(await running).toMatchObject([{ kind: 'end', end: { kind } }]);
      expect(await session.attached()).toMatchObject({ id: 's1', doubted: true });
    });
  });

  describe('is not doubted', () => {
    test.each([
      ['succeeded', ({ id }): Answer => jsonAnswer(resultOf(id))],
      ['was refused in words', ({ id }): Answer => jsonAnswer(errorOf(id, -32602, 'no'), {}, 400)],
      ['was refused by its status', (): Answer => ({ status: 409 })],
      ['failed in words', ({ id }): Answer => jsonAnswer(errorOf(id, -32603, 'no'))],
      ['came too often', (): Answer => ({ status: 429 })],
      ['was not accepted', (): Answer => ({ status: 401 })],
      ['was redirected', (): Answer => ({ status: 307 })],
      ['could not be sent', (): Answer => ({ failure: 'unreachable', sent: false })],
      ['could not be sent in time', (): Answer => ({ failure: 'connect-timeout', sent: false })],
    ] as readonly (readonly [string, (message: { id?: unknown }) => Answer])[])(
      'when that %s',
      async (_what, answer) => {
        const { on, session, keeper } = await attachedWorld();
        on.server.onCall = answer;
        await run(on, keeper);
        expect(await session.attached()).toEqual(upstreamSession('s1'));
      },
    );

    test('when that was called off', async () => {
      const { on, session, keeper } = await attachedWorld();
      on.server.onCall = silent;
      const running = run(on, keeper);
      await turn();
      on.deadline.cancel();
      expect(await running).toMatchObject([{ kind: 'end', end: { kind: 'cancelled' } }]);
      expect(await session.attached()).toEqual(upstreamSession('s1'));
    });

    test('when the invocation ends', async () => {
      const { on, session, keeper } = await attachedWorld({ limits: { endsAt: NOW + 10_000 } });
      on.server.onCall = silent;
      const running = run(on, keeper);
      await turn();
      on.clock.advance(9000);
      expect(await running).toMatchObject([{ kind: 'end', end: { kind: 'invocation-ending' } }]);
      expect(await session.attached()).toEqual(upstreamSession('s1'));
    });

    test('when it has been replaced meanwhile', async () => {
      const { on, session, keeper } = await attachedWorld();
      on.server.onCall = async () => {
        const { generation } = upstreamSession('s1');
        await session.clientSessions.attach('key', 'time', upstreamSession('s2'), generation);
        return { failure: 'reset', sent: true };
      };
      await run(on, keeper);
      expect(await session.attached()).toEqual(upstreamSession('s2'));
    });
  });

  test('does not disturb the calls that run beside the one that fails', async () => {
    const { on, session, keeper } = await attachedWorld();
    const failed = Promise.withResolvers<void>();
    let calls = 0;
    on.server.onCall = async ({ id }) => {
      calls += 1;
      if (calls === 1) return { failure: 'reset', sent: true };
      await failed.promise;
      return jsonAnswer(resultOf(id));
    };
    const failing = run(on, keeper);
    const siblings = [run(on, keeper), run(on, keeper)];
    expect(await failing).toMatchObject([{ kind: 'end', end: { kind: 'upstream-reset' } }]);
    failed.resolve();
    for (const sibling of siblings) expect(await sibling).toMatchObject([{ kind: 'final' }]);
    expect([on.story, session.retired]).toEqual([Array(3).fill('tools/call s1'), []]);
  });

  test('is used again once it has answered a ping, and trusted', async () => {
    const { on, session, keeper } = await doubtedWorld();
    expect(await run(on, keeper)).toMatchObject([{ kind: 'final' }]);
    expect(on.story).toEqual(['ping s1', 'tools/call s1']);
    expect(await session.attached()).toEqual(upstreamSession('s1'));
    await run(on, await session.keeper());
    expect(on.story.slice(2)).toEqual(['tools/call s1']);
    expect(session.retired).toEqual([]);
  });

  test('has answered a ping with an error too, which only who knows it gives', async () => {
    const { on, session, keeper } = await doubtedWorld();
    answerPings(on, ({ id }) => jsonAnswer(errorOf(id, -32601, 'Method not found')));
    expect(await run(on, keeper)).toMatchObject([{ kind: 'final' }]);
    expect(await session.attached()).toEqual(upstreamSession('s1'));
  });

  test.each([
    ['with 404', (): Answer => ({ status: 404 })],
    ['with 400', (): Answer => ({ status: 400 })],
    ['with 500', (): Answer => ({ status: 500 })],
    ['with nothing', (): Answer => ({ status: 202 })],
    ['with what is no JSON', (): Answer => ({ ...jsonAnswer({}), body: 'x' })],
    ['by breaking the connection', (): Answer => ({ failure: 'reset', sent: true })],
  ] as const)('is replaced and retired when it answers a ping %s', async (_what, answer) => {
    const { on, session, keeper } = await doubtedWorld();
    answerPings(on, answer);
    expect(await run(on, keeper)).toMatchObject([{ kind: 'final' }]);
    expect(on.story).toEqual(['ping s1', 'initialize -', 'notifications/initialized s2', 'tools/call s2']);
    expect(await session.attached()).toMatchObject({ id: 's2' });
    expect(await session.attached()).not.toHaveProperty('doubted');
    expect(session.retired).toEqual([{ ...upstreamSession('s1'), doubted: true }]);
  });

  test('is replaced and retired when it does not answer a ping in its time', async () => {
    const { on, session, keeper } = await doubtedWorld();
    answerPings(on, silent);
    const running = run(on, keeper);
    await turn();
    on.clock.advance(2000);
    expect(await running).toMatchObject([{ kind: 'final' }]);
    expect(on.story.at(-1)).toBe('tools/call s2');
    expect(session.retired).toMatchObject([{ id: 's1' }]);
  });

  test('is not closed when it is replaced: others may still be using it', async () => {
    const { on, keeper } = await doubtedWorld();
    answerPings(on, () => ({ status: 500 }));
    await run(on, keeper);
    await on.settle();
    expect([...on.server.sessions]).toEqual(['s1', 's2']);
  });

  test('gets the log level of the client again when it is replaced', async () => {
    const { on, keeper } = await doubtedWorld({ logLevel: 'debug' });
    answerPings(on, () => ({ status: 500 }));
    await run(on, keeper);
    expect(on.story).toContain('logging/setLevel s2');
  });

  test('is retired only once it has been replaced: until then it may prove itself to others', async () => {
    const { on, session, keeper } = await doubtedWorld();
    const { onInitialize, onCall } = on.server;
    answerPings(on, () => ({ failure: 'reset', sent: true }));
    on.server.onInitialize = () => ({ failure: 'unreachable', sent: false });
    expect(await run(on, keeper)).toMatchObject([{ kind: 'end', end: { kind: 'upstream-unreachable' } }]);
    expect(session.retired).toEqual([]);
    expect(await session.attached()).toMatchObject({ id: 's1', doubted: true });
    Object.assign(on.server, { onInitialize, onCall });
    await run(on, await session.keeper());
    expect(on.story.slice(-2)).toEqual(['ping s1', 'tools/call s1']);
    expect(await session.attached()).toEqual(upstreamSession('s1'));
    expect(session.retired).toEqual([]);
  });

  test('is replaced once by several calls that doubt it at the same time', async () => {
    const { on, session, keeper } = await doubtedWorld();
    answerPings(on, () => ({ status: 404 }));
    const results = await Promise.all(Array.from({ length: 5 }, () => run(on, keeper)));
    expect(results.map(([last]) => last?.kind)).toEqual(Array(5).fill('final'));
    await on.settle();
    const winner = (await session.attached())?.id;
    expect([...on.server.sessions]).toEqual(['s1', winner]);
    expect(on.story.filter((line) => line.startsWith('tools/call'))).toEqual(Array(5).fill(`tools/call ${winner}`));
  });

  test('may lose its replacement, which is replaced again, and is retired once', async () => {
    const { on, session, keeper } = await doubtedWorld();
    on.server.onCall = ({ id, method }, of) => {
      if (method === 'ping') return { status: 500 };
      if (of !== 's2') return jsonAnswer(resultOf(id));
      on.server.sessions.delete('s2');
      return { status: 404 };
    };
    expect(await run(on, keeper)).toMatchObject([{ kind: 'final' }]);
    expect(on.story.filter((line) => line.startsWith('tools/call'))).toEqual(['tools/call s2', 'tools/call s3']);
    expect(session.retired).toMatchObject([{ id: 's1' }]);
  });

  test('needs no proof where nothing is doubted', async () => {
    const { on, keeper } = await attachedWorld();
    await run(on, keeper);
    expect(on.story).toEqual(['tools/call s1']);
  });

  test('is pinged on the account of the call, which has not been sent by that', async () => {
    const { on, keeper } = await doubtedWorld();
    answerPings(on, () => ({ failure: 'reset', sent: true }));
    on.server.onInitialize = () => ({ failure: 'unreachable', sent: false });
    await run(on, keeper);
    expect([on.tally.cost.requests, on.tally.sent, on.tally.attempts]).toEqual([2, false, 0]);
  });

  test.each([
    ['is called off', (on: World) => on.deadline.cancel(), 'cancelled'],
    ['is out of time', (on: World) => on.clock.advance(1000), 'upstream-timeout'],
  ] as const)('does not hold up a call that %s while it is pinged', async (_what, giveUp, kind) => {
    const attached = await attachedWorld({ limits: { totalMs: 1000 } });
    const { on, session } = attached;
    await session.clientSessions.setDoubt('key', 'time', upstreamSession('s1').generation, true);
    const answer = Promise.withResolvers<Answer>();
    answerPings(on, () => answer.promise);
    const running = run(on, await session.keeper());
    await turn();
    giveUp(on);
    expect(await running).toMatchObject([{ kind: 'end', end: { kind } }]);
    expect(on.tally.sent).toBe(false);
    expect(session.retired).toEqual([]);
    answer.resolve(jsonAnswer(resultOf(on.sent()[0]?.id)));
    await on.settle();
    expect(await session.attached()).toEqual(upstreamSession('s1'));
  });
});

describe('a question of the server', () => {
  const question = (method: string): object => ({ jsonrpc: '2.0', id: 7, method, params: { message: '?' } });

  /** The answers to questions that the server received. */
  const answersIn = (on: Connection) => on.sent().filter(({ method }) => method === undefined);

  test.each(['sampling/createMessage', 'elicitation/create', 'roots/list', 'ping'])(
    '%s is passed on',
    async (method) => {
      const { on, keeper } = await attachedWorld();
      on.server.onCall = ({ id }) => eventsAnswer(eventsText(question(method), resultOf(id)));
      expect(await run(on, keeper)).toMatchObject([
        { kind: 'interim', message: { kind: 'request', method, idText: '7' } },
        { kind: 'final' },
      ]);
      expect(answersIn(on)).toEqual([]);
    },
  );

  test('is declined when the client cannot be asked anything', async () => {
    const { on, keeper } = await attachedWorld();
    const declined = Promise.withResolvers<void>();
    on.server.onNotification = () => {
      declined.resolve();
      return { status: 202 };
    };
    on.server.onCall = ({ id }) => {
      const body = new MemoryBody();
      body.push(eventsText(question('elicitation/create')));
      void declined.promise.then(() => {
        body.push(eventsText(resultOf(id)));
        body.end();
      });
      return eventsAnswer(body);
    };
    expect(await run(on, { ...keeper, canAsk: false })).toMatchObject([{ kind: 'final' }]);
    expect(answersIn(on)).toEqual([
      { jsonrpc: '2.0', id: 7, error: { code: -32601, message: 'The client cannot be asked this' } },
    ]);
    expect(on.story).toContain('answer s1');
  });

  test.each(['tasks/get', 'tools/call', 'com.example/own'])(
    '%s, which no server may ask, is declined',
    async (method) => {
      const { on, keeper } = await attachedWorld();
      on.server.onCall = ({ id }) => eventsAnswer(eventsText(question(method), resultOf(id)));
      expect(await run(on, keeper)).toMatchObject([{ kind: 'final' }]);
      await on.settle();
      expect(answersIn(on)).toMatchObject([{ id: 7, error: { code: -32601 } }]);
    },
  );

  test('does not keep notifications from a client that cannot be asked', async () => {
    const { on, keeper } = await attachedWorld();
    on.server.onCall = ({ id }) => eventsAnswer(eventsText(noteOf('notifications/message', {}), resultOf(id)));
    expect(await run(on, { ...keeper, canAsk: false })).toMatchObject([{ kind: 'interim' }, { kind: 'final' }]);
  });
});

describe('a call that is given up', () => {
  const silent = (): Answer => eventsAnswer(new MemoryBody());

  test.each([
    ['because its time is over', (on: World) => on.clock.advance(55_000), 'upstream-timeout'],
    ['because the client says so', (on: World) => on.deadline.cancel(), 'cancelled'],
  ] as const)('%s is cancelled at the server', async (_why, giveUp, kind) => {
    const { on, keeper } = await attachedWorld();
    on.server.onCall = silent;
    const running = run(on, keeper);
    await turn();
    giveUp(on);
    expect(await running).toMatchObject([{ kind: 'end', end: { kind } }]);
    await on.settle();
    expect(on.story).toEqual(['tools/call s1', 'notifications/cancelled s1']);
    expect(on.sent()[1]?.params.requestId).toBe(on.sent()[0]?.id);
  });

  test('is cancelled even when nobody reads on after its last word', async () => {
    const { on, keeper } = await attachedWorld();
    on.server.onCall = silent;
    const events = call(on, keeper);
    const last = events.next();
    await turn();
    on.clock.advance(55_000);
    await last;
    await events.return();
    await on.settle();
    expect(on.story).toEqual(['tools/call s1', 'notifications/cancelled s1']);
  });

  test('before it was sent needs no cancellation', async () => {
    const { on, keeper } = await attachedWorld();
    on.clock.advance(55_000);
    expect(await run(on, keeper)).toMatchObject([{ kind: 'end', end: { kind: 'upstream-timeout' } }]);
    await on.settle();
    expect(on.story).toEqual(['tools/call s1']);
    expect(on.transport.exchanges[0]?.state).toBe('failed');
  });

  test('by a client that goes away is not cancelled, as it may come back', async () => {
    const { on, keeper } = await attachedWorld();
    const body = new MemoryBody();
    body.push(eventsText(noteOf('notifications/message', {})));
    on.server.onCall = () => eventsAnswer(body);
    const events = call(on, keeper);
    await events.next();
    await events.return();
    await on.settle();
    expect(on.story).toEqual(['tools/call s1']);
    expect(on.transport.exchanges[0]?.state).toBe('closed');
  });
});

// ----------------------------------------------------------------------------------- what needs no answer, and the end

describe('telling a server something', () => {
  const NOTE = JSON.stringify(noteOf('notifications/progress', { progressToken: 1 }));
  const tell = (on: Connection) => tellUpstream(on.link, upstreamSession('s1'), NOTE, on.tools);

  test('goes into the session as it was written', async () => {
    const { on } = await attachedWorld();
    expect(await tell(on)).toEqual({ kind: 'told' });
    expect(on.transport.requests).toMatchObject([{ body: NOTE, headers: { 'mcp-session-id': 's1' } }]);
  });

  test('does not read a stream that the server begins', async () => {
    const { on } = await attachedWorld();
    on.server.onNotification = () => eventsAnswer(new MemoryBody());
    expect(await tell(on)).toEqual({ kind: 'told' });
    expect(on.transport.exchanges[0]?.state).toBe('closed');
  });

  test('fails as lost in a session that the server has forgotten, which is not replaced', async () => {
    const { on } = await attachedWorld();
    on.server.sessions.clear();
    expect(await tell(on)).toEqual({ kind: 'end', end: { kind: 'upstream-session-lost' } });
    expect(on.transport.requests).toHaveLength(1);
  });

  test.each([
    [{ status: 500 }, { kind: 'upstream-http', status: 500 }],
    [{ status: 409 }, { kind: 'upstream-http', status: 409 }],
    [{ failure: 'reset', sent: true }, { kind: 'upstream-reset' }],
  ] as const)('fails for what it is: %o', async (answer, end) => {
    const { on } = await attachedWorld();
    on.server.onNotification = () => answer;
    expect(await tell(on)).toEqual({ kind: 'end', end });
  });

  test('fails in the words of a server that refuses', async () => {
    const { on } = await attachedWorld();
    on.server.onNotification = () => jsonAnswer(errorOf(null, -32600, 'no'), {}, 400);
    expect(await tell(on)).toMatchObject({
      kind: 'end',
      end: { kind: 'upstream-refused', error: { code: -32600, message: 'no' } },
    });
  });
});

describe('closing a session', () => {
  test('deletes it at the server', async () => {
    const { on } = await attachedWorld();
    await closeUpstreamSession(on.link, upstreamSession('s1'), on.tools);
    expect([on.story, on.server.sessions.size]).toEqual([['DELETE s1'], 0]);
  });

  test('has no body, and names the version', async () => {
    const { on } = await attachedWorld();
    await closeUpstreamSession(on.link, upstreamSession('s1'), on.tools);
    const [request] = on.transport.requests;
    expect(request).toMatchObject({ method: 'DELETE', body: '', headers: { 'mcp-protocol-version': '2025-11-25' } });
    expect(request?.headers).not.toHaveProperty('content-type');
  });

  test('asks nothing of a server that issued no id', async () => {
    const on = world(createLegacyServer('2025-11-25', false));
    await closeUpstreamSession(on.link, upstreamSession(null), on.tools);
    expect(on.story).toEqual([]);
  });

  test.each([{ status: 200 }, { status: 204 }, { status: 404 }, { status: 405 }, { status: 400, body: 'x' }] as const)(
    'is done when the server answers %o',
    async (answer) => {
      const on = connect(() => answer);
      await closeUpstreamSession(on.link, upstreamSession('s1'), on.tools);
      expect(on.left).toEqual([]);
    },
  );

  test.each([
    { status: 429 },
    { status: 500, body: 'x' },
    { status: 503 },
    { failure: 'reset', sent: true },
    { failure: 'unreachable', sent: false },
    { failure: 'connect-timeout', sent: false },
  ] as const)('is left to the sweep when the server cannot do it now: %o', async (answer) => {
    const on = connect(() => answer);
    await closeUpstreamSession(on.link, upstreamSession('s1'), on.tools);
    expect(on.left).toEqual([upstreamSession('s1')]);
  });

  test('is left to the sweep when the server does not answer in time', async () => {
    const on = connect(() => new Promise<Answer>(() => {}));
    const closing = closeUpstreamSession(on.link, upstreamSession('s1'), on.tools);
    await turn();
    on.clock.advance(55_000);
    await closing;
    expect(on.left).toEqual([upstreamSession('s1')]);
  });

  test('is left to nobody where the server issued no id', async () => {
    const on = connect(() => ({ status: 500 }));
    await closeUpstreamSession(on.link, upstreamSession(null), on.tools);
    expect(on.left).toEqual([]);
  });

  test('that lost a race, and cannot be done, is left to the sweep', async () => {
    const on = world();
    const { answer } = on.server;
    const refusing = connect((request, message) =>
      request.method === 'DELETE' ? { status: 503 } : answer(request, message),
    );
    const session = await sessionWith();
    const keeper = await session.keeper();
    await session.clientSessions.terminate('key');
    await run(refusing, keeper);
    await refusing.settle();
    expect(refusing.left).toMatchObject([{ id: 's1' }]);
  });
});
