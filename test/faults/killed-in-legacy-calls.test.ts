import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { clientSessionKey } from '../../lib/adapters/dynamodb/table.ts';
import { TABLE_NAME } from '../../lib/local/dynamodb.ts';
import { post, send, type LegacySession } from '../support/wire.ts';
import { expectNobodyStuck, type Attempt } from './killing.ts';
import { callInSession, expectAnswer, legacyCall, openWorld, type World } from './world.ts';

const LIMIT_MS = 60_000;

let world: World;
let url: string;

beforeAll(async () => {
  world = await openWorld();
  url = world.url('legacy');
});

afterAll(async () => {
  const defects = world.stage.gateway.logLines().filter((line) => line.includes('"defect"'));
  await world.close();
  expect(defects).toEqual([]);
});

/** The session serves its client on, at the first attempt. */
async function expectServed(session: LegacySession, tag: string): Promise<void> {
  expectAnswer(await callInSession(url, session, `after ${tag}`), `after ${tag}`);
}

function callIn(session: LegacySession, tag: string, tool?: string): Attempt {
  return {
    send: (mark) => callInSession(url, session, tag, { ...(tool !== undefined && { tool }), mark }),
    next: () => expectServed(session, tag),
  };
}

test('within initialize', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 11,
    among: ['POST initialize before', 'POST notifications/initialized after', 'clientSessions.create after'],
    async prepare(tag: string): Promise<Attempt> {
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'wire', version: '1' } };
      return {
        send: (mark) => post(url, { jsonrpc: '2.0', id: tag, method: 'initialize', params }, mark),
        next: async () => expectServed(await world.openSession(), tag),
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within a call', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 8,
    among: ['clientSessions.read after', 'POST tools/call before', 'POST tools/call chunk', 'answer before', 'settled'],
    prepare: async (tag: string) => callIn(await world.openSession(), tag),
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within a call that streams', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 10,
    among: ['POST tools/call chunk', 'answer chunk', 'answer chunk (3)', 'answer end'],
    prepare: async (tag: string) => callIn(await world.openSession(), tag, 'streamed'),
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within the first call upstream', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 19,
    among: ['POST initialize after', 'POST logging/setLevel after', 'clientSessions.attach before'],
    async prepare(tag: string): Promise<Attempt> {
      const session = await world.openLoneSession();
      expect((await session.request('logging/setLevel', { level: 'info' })).status).toBe(200);
      return callIn(session, tag);
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it replaces a lost upstream session', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 18,
    among: ['POST tools/call after', 'POST initialize before', 'clientSessions.attach after', 'POST tools/call before (2)'],
    async prepare(tag: string): Promise<Attempt> {
      const known = new Set(world.upstream.sessions);
      const session = await world.openSession();
      const stale = world.upstream.sessions.find((id) => !known.has(id));
      world.upstream.forgetSessions();
      return { ...callIn(session, tag), stale };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('after it has lost the race for an upstream session', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 18,
    among: ['DELETE before', 'DELETE after'],
    from: 'clientSessions.attach before',
    async prepare(tag: string): Promise<Attempt> {
      const session = await world.openLoneSession();
      const meanwhile = { 'clientSessions.attach before': () => expectServed(session, `before ${tag}`) };
      return { ...callIn(session, tag), meanwhile };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within a call that takes too long', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 9,
    among: ['POST tools/call after', 'POST notifications/cancelled before', 'POST notifications/cancelled after'],
    prepare: async (tag: string) => callIn(await world.openSession(), tag, 'slow'),
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within a batch', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 12,
    among: ['POST tools/call before (2)', 'POST notifications/roots/list_changed after'],
    async prepare(tag: string): Promise<Attempt> {
      const session = await world.openSession({ version: '2025-03-26' });
      const other = legacyCall(`other ${tag}`, 'streamed');
      const batch = [legacyCall(tag), other, { jsonrpc: '2.0', method: 'notifications/roots/list_changed' }];
      return {
        send: (mark) => post(url, batch, { ...session.headers, ...mark }),
        next: async () => {
          expect(world.executions(`other ${tag}`)).toBeLessThanOrEqual(1);
          await expectServed(session, tag);
        },
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it sets the log level', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 10,
    among: ['clientSessions.setLogLevel before', 'POST logging/setLevel after'],
    async prepare(tag: string): Promise<Attempt> {
      const session = await world.openSession();
      const message = { jsonrpc: '2.0', id: tag, method: 'logging/setLevel', params: { level: 'debug' } };
      return {
        send: (mark) => post(url, message, { ...session.headers, ...mark }),
        next: () => expectServed(session, tag),
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it takes a notification', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 6,
    among: ['POST notifications/roots/list_changed before', 'POST notifications/roots/list_changed after'],
    async prepare(tag: string): Promise<Attempt> {
      const session = await world.openSession();
      const message = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' };
      return {
        send: (mark) => post(url, message, { ...session.headers, ...mark }),
        next: () => expectServed(session, tag),
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it moves the end of a session', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 10,
    among: ['clientSessions.touch before', 'clientSessions.touch after'],
    async prepare(tag: string): Promise<Attempt> {
      const session = await world.openSession();
      await letSessionRest(session);
      return callIn(session, tag);
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

/** As if the session had last been used two hours ago. */
async function letSessionRest({ sessionId = '' }: LegacySession): Promise<void> {
  const update = new UpdateItemCommand({
    TableName: TABLE_NAME,
    Key: clientSessionKey(cryptoIds.digest(sessionId)),
    UpdateExpression: 'SET lastSeenAt = :past',
    ExpressionAttributeValues: { ':past': { N: String(Date.now() - 2 * 60 * 60 * 1000) } },
  });
  await world.stage.records.database.send(update);
}

test('while it ends a session', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 9,
    among: ['clientSessions.terminate before', 'clientSessions.terminate after', 'DELETE after'],
    async prepare(tag: string): Promise<Attempt> {
      const session = await world.openSession();
      return {
        send: (mark) => send('DELETE', url, '', { ...session.headers, ...mark }),
        next: async () => {
          const again = await session.terminate();
          expect([204, 404]).toContain(again.status);
          expect((await session.request('ping')).status).toBe(404);
          await expectServed(await world.openSession(), tag);
        },
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});
