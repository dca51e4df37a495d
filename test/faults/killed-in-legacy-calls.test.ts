import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientSessionKey } from '../../lib/adapters/dynamodb/table.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { TABLE_NAME } from '../../lib/local/dynamodb.ts';
import { openLegacySession, post, send, type LegacySession } from '../support/wire.ts';
import { expectNobodyStuck, KILLING_MS, type Attempt, type Kind } from './killing.ts';
import { callInSession, expectServedInSession, legacyCall, openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => void (world = await openWorld()));
afterAll(() => world.close());

/** The attempt is a call in this session, which has to serve another one afterwards. */
function callIn({ url }: World, session: LegacySession, tag: string, tool?: string): Attempt {
  const address = url('legacy');
  return {
    send: (mark) => callInSession(address, session, tag, { tool, mark }),
    next: () => expectServedInSession(address, session, `after ${tag}`),
  };
}

/** The attempt is this message in this session, which has to serve a call afterwards. */
function sayIn({ url }: World, session: LegacySession, tag: string, message: object): Attempt {
  const address = url('legacy');
  return {
    send: (mark) => post(address, message, { ...session.headers, ...mark }),
    next: () => expectServedInSession(address, session, `after ${tag}`),
  };
}

/** The attempt is initialize there, where another client has to be served afterwards. */
function initializeAt(url: string, tag: string): Attempt {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'wire', version: '1' } };
  return {
    send: (mark) => post(url, { jsonrpc: '2.0', id: tag, method: 'initialize', params }, mark),
    next: async () => expectServedInSession(url, await openLegacySession(url), `after ${tag}`),
  };
}

const kinds: Readonly<Record<string, Kind>> = {
  'within initialize, while it meets the upstream': {
    least: 20,
    among: [
      'catalog.heads after',
      'upstreamEras.read after',
      'POST initialize before',
      'POST notifications/initialized after',
      'upstreamEras.write after',
      'catalog.write before',
      'catalog.write after',
      'clientSessions.create after',
    ],
    prepare: async ({ strangerUrl }, tag) => initializeAt(strangerUrl('old'), tag),
  },

  'within initialize, where the upstream is known': {
    least: 6,
    among: ['catalog.heads before', 'catalog.heads after', 'clientSessions.create before', 'answer before', 'settled'],
    async prepare({ strangerUrl, stage }, tag) {
      const url = strangerUrl('old');
      const { send } = initializeAt(url, `before ${tag}`);
      await stage.run(send);
      return initializeAt(url, tag);
    },
  },

  'within a call': {
    least: 8,
    among: ['clientSessions.read after', 'POST tools/call before', 'POST tools/call chunk', 'answer before', 'settled'],
    prepare: async (world, tag) => callIn(world, await world.openSession(), tag),
  },

  'within a call that streams': {
    least: 10,
    among: ['POST tools/call chunk', 'answer chunk', 'answer chunk (3)', 'answer end'],
    prepare: async (world, tag) => callIn(world, await world.openSession(), tag, 'streamed'),
  },

  'within the call that opens the upstream session': {
    least: 19,
    among: ['POST initialize after', 'POST logging/setLevel after', 'clientSessions.attach before'],
    async prepare(world, tag) {
      const session = await world.openLoneSession();
      expect((await session.request('logging/setLevel', { level: 'info' })).status).toBe(200);
      return callIn(world, session, tag);
    },
  },

  'while it replaces an upstream session that the upstream has forgotten': {
    least: 21,
    among: [
      'POST tools/call after',
      'POST initialize before',
      'clientSessions.attach after',
      'POST tools/call after (2)',
    ],
    async prepare(world, tag) {
      const known = new Set(world.upstream.sessions);
      const session = await world.openSession();
      const stale = world.upstream.sessions.find((id) => !known.has(id));
      world.upstream.forgetSessions();
      return { ...callIn(world, session, tag), stale };
    },
  },

  'after it has lost the race for an upstream session': {
    least: 20,
    among: ['clientSessions.attach after', 'DELETE before', 'DELETE after'],
    from: 'clientSessions.attach before',
    async prepare(world, tag) {
      const session = await world.openLoneSession();
      const win = () => expectServedInSession(world.url('legacy'), session, `before ${tag}`);
      return { ...callIn(world, session, tag), meanwhile: { 'clientSessions.attach before': win } };
    },
  },

  'within a call that takes too long': {
    least: 9,
    among: ['POST tools/call after', 'POST notifications/cancelled before', 'POST notifications/cancelled after'],
    prepare: async (world, tag) => callIn(world, await world.openSession(), tag, 'slow'),
  },

  'within a batch': {
    least: 20,
    among: ['POST tools/call before (2)', 'POST notifications/roots/list_changed after', 'answer chunk (2)'],
    async prepare(world, tag) {
      const session = await world.openSession({ version: '2025-03-26' });
      const other = `other ${tag}`;
      const changed = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' };
      const attempt = sayIn(world, session, tag, [legacyCall(tag), legacyCall(other, 'streamed'), changed]);
      return {
        ...attempt,
        next: async () => {
          expect(world.executions(other)).toBeLessThanOrEqual(1);
          await attempt.next();
        },
      };
    },
  },

  'while it sets the log level': {
    least: 10,
    among: ['clientSessions.setLogLevel before', 'clientSessions.setLogLevel after', 'POST logging/setLevel after'],
    async prepare(world, tag) {
      const message = { jsonrpc: '2.0', id: tag, method: 'logging/setLevel', params: { level: 'debug' } };
      return sayIn(world, await world.openSession(), tag, message);
    },
  },

  'while it passes a notification on': {
    least: 7,
    among: ['POST notifications/roots/list_changed before', 'POST notifications/roots/list_changed after'],
    async prepare(world, tag) {
      const message = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' };
      return sayIn(world, await world.openSession(), tag, message);
    },
  },

  'while it moves the end of a session': {
    least: 10,
    among: ['clientSessions.touch before', 'clientSessions.touch after'],
    async prepare(world, tag) {
      const session = await world.openSession();
      await letSessionRest(world, session);
      return callIn(world, session, tag);
    },
  },

  'while it ends a session': {
    least: 9,
    among: ['clientSessions.terminate before', 'clientSessions.terminate after', 'DELETE before', 'DELETE after'],
    async prepare({ url, openSession }, tag) {
      const session = await openSession();
      return {
        send: (mark) => send('DELETE', url('legacy'), '', { ...session.headers, ...mark }),
        next: async () => {
          // Either it still serves until it is ended again, or it is gone as a whole.
          const before = await callInSession(url('legacy'), session, `after ${tag}`);
          expect((await session.terminate()).status).toBe(before.status === 200 ? 204 : 404);
          expect((await session.request('ping')).status).toBe(404);
          await expectServedInSession(url('legacy'), await openSession(), `anew after ${tag}`);
        },
      };
    },
  },
};

/** As if the session had last been used two hours ago. */
async function letSessionRest({ stage }: World, { sessionId = '' }: LegacySession): Promise<void> {
  const update = new UpdateItemCommand({
    TableName: TABLE_NAME,
    Key: clientSessionKey(cryptoIds.digest(sessionId)),
    UpdateExpression: 'SET lastSeenAt = :past',
    ExpressionAttributeValues: { ':past': { N: String(Date.now() - 2 * 60 * 60 * 1000) } },
  });
  await stage.records.database.send(update);
}

describe('everybody can go on wherever an environment ends', () => {
  test.for(Object.entries(kinds))('%s', { timeout: KILLING_MS }, async ([, kind], { annotate }) => {
    await expectNobodyStuck(world, kind, annotate);
  });
});
