import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  openLegacySession,
  post,
  postStream,
  type Headers,
  type LegacySession,
  type WireResponse,
} from '../support/wire.ts';
import { expectNobodyStuck, KILLING_MS, type Kind } from './killing.ts';
import { callInSession, expectAnswer, expectServedInSession, legacyCall, openWorld, type World } from './world.ts';

/** JSON as tests look into it. */
type AnyJson = any;

let world: World;
beforeAll(async () => void (world = await openWorld()));
afterAll(() => world.close());

/** A client of the upstream that asks. */
class AskedClient {
  readonly #url: string;
  readonly #session: LegacySession;

  constructor(url: string, session: LegacySession) {
    this.#url = url;
    this.#session = session;
  }

  /** Calls the tool that asks, and resolves with the whole answer. */
  async call(tag: string, onQuestion: (question: AnyJson) => unknown, mark: Headers = {}): Promise<WireResponse> {
    const stream = await postStream(this.#url, legacyCall(tag, 'ask'), { ...this.#session.headers, ...mark });
    const messages: AnyJson[] = [];
    for await (const event of stream.events) {
      if (event.kind === 'comment' || event.data === '') continue;
      messages.push(event.message);
      if (event.message?.method === 'elicitation/create') await onQuestion(event.message);
    }
    return { status: stream.status, headers: stream.headers, text: '', messages };
  }

  answer(question: AnyJson, mark: Headers = {}): Promise<WireResponse> {
    const message = { jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: {} } };
    return post(this.#url, message, { ...this.#session.headers, ...mark });
  }
}

async function openAskedClient({ url }: World): Promise<AskedClient> {
  return new AskedClient(url('asking'), await openLegacySession(url('asking'), { capabilities: { elicitation: {} } }));
}

const kinds: Readonly<Record<string, Kind>> = {
  'within a call that asks its client': {
    least: 12,
    among: ['answer chunk', 'POST tools/call chunk (2)', 'answer chunk (2)'],
    async prepare(world, tag) {
      const client = await openAskedClient(world);
      const callAndAnswer = (callTag: string, mark?: Headers) =>
        client.call(callTag, (question) => client.answer(question), mark);
      return {
        send: (mark) => callAndAnswer(tag, mark),
        next: async () => expectAnswer(await callAndAnswer(`after ${tag}`), `after ${tag}`),
      };
    },
  },

  'while it takes the answer to a question': {
    least: 7,
    among: ['clientSessions.read after', 'POST answer before', 'POST answer after'],
    async prepare(world, tag) {
      const client = await openAskedClient(world);
      const asked = Promise.withResolvers<AnyJson>();
      const call = client.call(tag, asked.resolve);
      const question = await asked.promise;
      return {
        send: (mark) => client.answer(question, mark),
        next: async () => {
          expect((await client.answer(question)).status).toBe(202);
          expectAnswer(await call, tag);
        },
      };
    },
  },

  'while it takes a cancellation': {
    least: 6,
    among: ['mailbox.leaveCancellation before', 'mailbox.leaveCancellation after'],
    async prepare({ url, upstream, openSession }, tag) {
      const session = await openSession();
      const gate = upstream.gate(`held ${tag}`);
      const call = callInSession(url('legacy'), session, tag, { tool: `held ${tag}` });
      await gate.entered;
      const cancellation = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: tag } };
      return {
        send: (mark) => post(url('legacy'), cancellation, { ...session.headers, ...mark }),
        next: async () => {
          gate.release();
          expectAnswer(await call, tag);
          await expectServedInSession(url('legacy'), session, `after ${tag}`);
        },
      };
    },
  },

  'within a call that is cancelled': {
    least: 13,
    among: ['mailbox.peekCancellation after', 'mailbox.clearCancellation before', 'POST notifications/cancelled after'],
    async prepare({ url, upstream, openSession }, tag) {
      const session = await openSession();
      const { entered } = upstream.gate(`held ${tag}`);
      const cancelled = Promise.withResolvers<unknown>();
      const cancel = () => cancelled.resolve(session.notify('notifications/cancelled', { requestId: tag }));
      return {
        send: (mark) => {
          const call = callInSession(url('legacy'), session, tag, { tool: `held ${tag}`, mark });
          void Promise.race([entered, call]).then(cancel, cancel);
          return call;
        },
        next: async () => {
          await cancelled.promise;
          await expectServedInSession(url('legacy'), session, `after ${tag}`);
        },
      };
    },
  },
};

// Together, because a cancellation is looked for no sooner than after a second.
describe('everybody can go on wherever an environment ends', { concurrent: true }, () => {
  test.for(Object.entries(kinds))('%s', { timeout: KILLING_MS }, async ([, kind], { annotate }) => {
    await expectNobodyStuck(world, kind, annotate);
  });
});

test('a cancellation that nobody has cleared away is not for a later call of the same id', async () => {
  const session = await world.openSession();
  const tag = 'used twice';
  const gate = world.upstream.gate('patient');
  await session.notify('notifications/cancelled', { requestId: tag });
  const { outcome, points } = await world.stage.run(
    (mark) => callInSession(world.url('legacy'), session, tag, { tool: 'patient', mark }),
    { meanwhile: { 'mailbox.peekCancellation after': async () => gate.release() } },
  );
  expect([points, outcome]).toEqual([expect.arrayContaining(['mailbox.peekCancellation after']), ANSWERED]);
  if (outcome.kind === 'answered') expectAnswer(outcome.response, tag);
});

const ANSWERED = { kind: 'answered', response: expect.anything() };
