import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, postStream, type Headers, type LegacySession, type WireResponse } from '../support/wire.ts';
import { openLegacySession } from '../support/wire.ts';
import { expectNobodyStuck, type Attempt } from './killing.ts';
import { callInSession, expectAnswer, legacyCall, openWorld, type World } from './world.ts';

/** JSON as tests look into it. */
type AnyJson = any;

const LIMIT_MS = 60_000;

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(async () => {
  const defects = world.stage.gateway.logLines().filter((line) => line.includes('"defect"'));
  await world.close();
  expect(defects).toEqual([]);
});

/** The session serves its client on, at the first attempt. */
async function expectServed(url: string, session: LegacySession, tag: string): Promise<void> {
  expectAnswer(await callInSession(url, session, `after ${tag}`), `after ${tag}`);
}

/** Calls the tool that asks, and resolves with the whole answer; `onQuestion` is given the question. */
async function callWithQuestion(
  session: LegacySession,
  tag: string,
  onQuestion: (question: AnyJson) => unknown,
  mark: Headers = {},
): Promise<WireResponse> {
  const stream = await postStream(world.url('asking'), legacyCall(tag, 'ask'), { ...session.headers, ...mark });
  const messages: AnyJson[] = [];
  for await (const event of stream.events) {
    if (event.kind === 'comment') continue;
    messages.push(event.message);
    if (event.message?.method === 'elicitation/create') await onQuestion(event.message);
  }
  return { status: stream.status, headers: stream.headers, text: '', messages };
}

function answer(session: LegacySession, question: AnyJson, mark: Headers = {}): Promise<WireResponse> {
  const message = { jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: {} } };
  return post(world.url('asking'), message, { ...session.headers, ...mark });
}

test('within a call that asks its client', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 11,
    among: ['answer chunk', 'POST tools/call chunk (2)', 'answer chunk (2)'],
    async prepare(tag: string): Promise<Attempt> {
      const url = world.url('asking');
      const session = await openLegacySession(url, { capabilities: { elicitation: {} } });
      return {
        send: (mark) => callWithQuestion(session, tag, (question) => answer(session, question), mark),
        next: async () => {
          await expectServed(url, session, tag);
          const again = `again ${tag}`;
          expectAnswer(await callWithQuestion(session, again, (question) => answer(session, question)), again);
        },
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it takes an answer to a question', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 6,
    among: ['clientSessions.read after', 'POST answer before', 'POST answer after'],
    async prepare(tag: string): Promise<Attempt> {
      const url = world.url('asking');
      const session = await openLegacySession(url, { capabilities: { elicitation: {} } });
      const asked = Promise.withResolvers<AnyJson>();
      const call = callWithQuestion(session, tag, (question) => asked.resolve(question));
      const question = await asked.promise;
      return {
        send: (mark) => answer(session, question, mark),
        next: async () => {
          expect((await answer(session, question)).status).toBe(202);
          expectAnswer(await call, tag);
          await expectServed(url, session, tag);
        },
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it takes a cancellation', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 6,
    among: ['mailbox.leaveCancellation before', 'mailbox.leaveCancellation after'],
    async prepare(tag: string): Promise<Attempt> {
      const url = world.url('legacy');
      const session = await world.openSession();
      const tool = `held ${tag}`;
      const gate = world.upstream.gate(tool);
      const call = callInSession(url, session, tag, { tool });
      await gate.entered;
      const cancellation = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: tag } };
      return {
        send: (mark) => post(url, cancellation, { ...session.headers, ...mark }),
        next: async () => {
          gate.release();
          expectAnswer(await call, tag);
          await expectServed(url, session, tag);
        },
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within a call that is cancelled', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 12,
    among: ['mailbox.peekCancellation after', 'mailbox.clearCancellation before', 'POST notifications/cancelled after'],
    async prepare(tag: string): Promise<Attempt> {
      const url = world.url('legacy');
      const session = await world.openSession();
      const tool = `held ${tag}`;
      const gate = world.upstream.gate(tool);
      return {
        send: async (mark) => {
          const call = callInSession(url, session, tag, { tool, mark });
          await Promise.race([gate.entered, call.catch(() => undefined)]);
          await session.notify('notifications/cancelled', { requestId: tag });
          return await call;
        },
        next: () => expectServed(url, session, tag),
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('a cancellation that nobody cleared away is not for a later call of the same id', async () => {
  const session = await world.openSession();
  const tag = 'used twice';
  const gate = world.upstream.gate('patient');
  await session.notify('notifications/cancelled', { requestId: tag });
  const { outcome, points } = await world.stage.run(
    (mark) => callInSession(world.url('legacy'), session, tag, { tool: 'patient', mark }),
    { meanwhile: { 'mailbox.peekCancellation after': async () => gate.release() } },
  );
  expect(points).toContain('mailbox.peekCancellation after');
  expect(outcome.kind).toBe('answered');
  if (outcome.kind === 'answered') expectAnswer(outcome.response, tag);
});
