import { describe, expect, test } from 'vitest';
import { exchange, type OutgoingRequest, type UpstreamEvent } from '../../lib/upstream/exchange.ts';
import { mayHaveRun } from '../../lib/policies/repeat.ts';
import type { CallEnd } from '../../lib/upstream/fault.ts';
import type { Answer } from '../support/memory-transport.ts';
import { MemoryBody } from '../support/memory-transport.ts';
import { turn } from '../support/turn.ts';
import {
  collectAll,
  connect,
  errorOf,
  eventsAnswer,
  eventsText,
  jsonAnswer,
  noteOf,
  resultOf,
  type Connection,
  type ConnectionOptions,
} from './kit.ts';

const BODY = '{"jsonrpc":"2.0","id":"mine","method":"ping"}';
const REQUEST: OutgoingRequest = {
  id: 'mine',
  body: () => BODY,
  headers: { 'x-own': '1' },
};
const RESULT = resultOf('mine', { done: true });
const NOTE = noteOf('notifications/message', { data: 1 });

const run = (connection: Connection) => collectAll(exchange(connection.link, REQUEST, connection.tools));

/** The events of a request that is answered like this, in short. */
async function outcomeOf(answer: Answer | Promise<Answer>, options?: ConnectionOptions) {
  const connection = connect(() => answer, options);
  const { events, returned } = await run(connection);
  return { connection, returned, events: events.map(brief), tally: connection.tally };
}

function brief(event: UpstreamEvent): unknown {
  switch (event.kind) {
    case 'interim':
      return { interim: event.message.method };
    case 'final':
      return { final: event.response.body };
    case 'end':
      return { end: event.end };
  }
}

const FINAL = { final: { result: { done: true } } };

describe('a request', () => {
  test('is a POST of JSON that takes both forms of an answer', async () => {
    const { connection } = await outcomeOf(jsonAnswer(RESULT));
    expect(connection.transport.requests).toMatchObject([
      {
        url: 'http://127.0.0.1:9081/mcp',
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'x-own': '1' },
        body: BODY,
        connectTimeoutMs: 3000,
      },
    ]);
  });

  test('carries the configured headers, none of which replaces those of the protocol', async () => {
    const headers = { 'x-team': 'search', accept: 'text/html', 'x-own': '2' };
    const connection = connect(() => jsonAnswer(RESULT));
    const link = { ...connection.link, config: { ...connection.link.config, headers } };
    await collectAll(exchange(link, REQUEST, connection.tools));
    expect(connection.transport.requests[0]?.headers).toEqual({
      'x-team': 'search',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'x-own': '1',
    });
  });

  test('is counted, with the time that it waited', async () => {
    const body = new MemoryBody();
    const connection = connect(() => eventsAnswer(body));
    const running = run(connection);
    await turn();
    connection.clock.advance(30);
    body.push(eventsText(NOTE));
    await turn();
    connection.clock.advance(12);
    body.push(eventsText(RESULT));
    body.end();
    await running;
    expect(connection.tally).toMatchObject({
      phase: 'response',
      sent: true,
      upstream: 'time',
      attempts: 1,
      cost: { requests: 1, waitedMs: 42 },
    });
  });
});

describe('an answer', () => {
  test('of JSON is final', async () => {
    const { events, tally } = await outcomeOf(jsonAnswer(RESULT));
    expect(events).toEqual([FINAL]);
    expect([tally.sent, tally.phase]).toEqual([true, 'response']);
  });

  test.each(['application/json; charset=utf-8', 'Application/JSON', 'application/json ;x=y'])(
    'may be of type %s',
    async (type) => {
      expect((await outcomeOf(jsonAnswer(RESULT, { 'content-type': type }))).events).toEqual([FINAL]);
    },
  );

  test('of events is final after what comes before it', async () => {
    const { events } = await outcomeOf(eventsAnswer(eventsText(NOTE, NOTE, RESULT)));
    expect(events).toEqual([{ interim: 'notifications/message' }, { interim: 'notifications/message' }, FINAL]);
  });

  test('names the request that it came before with what is interim', async () => {
    const { events } = await run(connect(() => eventsAnswer(eventsText(NOTE, RESULT))));
    expect(events[0]).toMatchObject({ kind: 'interim', requestId: 'mine' });
  });

  test('in an array of JSON is final after what stands before it', async () => {
    expect((await outcomeOf(jsonAnswer([NOTE, RESULT]))).events).toEqual([{ interim: 'notifications/message' }, FINAL]);
  });

  test('that is an error is final as well', async () => {
    const { events } = await outcomeOf(jsonAnswer(errorOf('mine', -32000, 'no')));
    expect(events).toEqual([{ final: { error: { code: -32000, message: 'no', data: undefined } } }]);
  });

  test.each([null, undefined])('that is an error of the id %j can only be about this request', async (id) => {
    const { events } = await outcomeOf(jsonAnswer(errorOf(id, -32700, 'what?')));
    expect(events).toEqual([{ final: { error: { code: -32700, message: 'what?', data: undefined } } }]);
  });

  test('is known however its id is escaped', async () => {
    const body = String.raw`{"jsonrpc":"2.0","id":"\u006dine","result":{"done":true}}`;
    expect((await outcomeOf({ status: 200, headers: { 'content-type': 'application/json' }, body })).events).toEqual([
      FINAL,
    ]);
  });

  test.each(['other', 7, 'Mine'])('to the request %j is nobody’s', async (id) => {
    const { events } = await outcomeOf(eventsAnswer(eventsText(resultOf(id), RESULT)));
    expect(events).toEqual([FINAL]);
  });

  test('brings forth nothing after it', async () => {
    expect((await outcomeOf(eventsAnswer(eventsText(RESULT, NOTE, RESULT)))).events).toEqual([FINAL]);
  });
});

describe('what comes after the answer', () => {
  test('is read to its end in the background, so that the connection can be used again', async () => {
    const { connection } = await outcomeOf(eventsAnswer(eventsText(RESULT, NOTE)));
    await connection.settle();
    expect(connection.transport.exchanges[0]?.state).toBe('drained');
  });

  test('is not waited for by the answer', async () => {
    const body = new MemoryBody();
    body.push(eventsText(RESULT));
    const { connection, events } = await outcomeOf(eventsAnswer(body));
    expect(events).toEqual([FINAL]);
    expect(connection.transport.exchanges[0]?.state).toBe('open');
    body.end();
    await connection.settle();
    expect(connection.transport.exchanges[0]?.state).toBe('drained');
  });

  test('is given up after a quarter of a second', async () => {
    const body = new MemoryBody();
    body.push(eventsText(RESULT));
    const { connection } = await outcomeOf(eventsAnswer(body));
    connection.clock.advance(249);
    expect(connection.transport.exchanges[0]?.state).toBe('open');
    connection.clock.advance(1);
    await connection.settle();
    expect(connection.transport.exchanges[0]?.state).toBe('closed');
  });

  test('is given up when it is garbled', async () => {
    const { connection } = await outcomeOf(eventsAnswer(eventsText(RESULT) + 'data: nonsense\n\n'));
    await connection.settle();
    expect(connection.transport.exchanges[0]?.state).toBe('closed');
  });
});

describe('a reader that stops', () => {
  test('closes the connection', async () => {
    const body = new MemoryBody();
    body.push(eventsText(NOTE));
    const { link, tools, transport } = connect(() => eventsAnswer(body));
    const events = exchange(link, REQUEST, tools);
    await events.next();
    await events.return(undefined);
    expect(transport.exchanges[0]?.state).toBe('closed');
  });
});

interface Row {
  readonly what: string;
  readonly answer: () => Answer;
  readonly end: CallEnd;
  readonly mayHaveRun: boolean;
  readonly phase: 'connect' | 'request' | 'response';
}

const brokenAfter = (text: string): MemoryBody => {
  const body = new MemoryBody();
  body.push(text);
  body.break();
  return body;
};

const CLOSED = { kind: 'upstream-closed' } as const;
const garbled = (reason: string) => ({ kind: 'upstream-garbled', reason }) as const;

const FAULTS: readonly Row[] = [
  {
    what: 'a connection that is refused',
    answer: () => ({ failure: 'unreachable', sent: false }),
    end: { kind: 'upstream-unreachable' },
    mayHaveRun: false,
    phase: 'connect',
  },
  {
    what: 'a connection that takes too long',
    answer: () => ({ failure: 'connect-timeout', sent: false }),
    end: { kind: 'upstream-connect-timeout', limitMs: 3000 },
    mayHaveRun: false,
    phase: 'connect',
  },
  {
    what: 'a reset before anything was sent',
    answer: () => ({ failure: 'reset', sent: false }),
    end: { kind: 'upstream-reset' },
    mayHaveRun: false,
    phase: 'connect',
  },
  {
    what: 'a reset after sending',
    answer: () => ({ failure: 'reset', sent: true }),
    end: { kind: 'upstream-reset' },
    mayHaveRun: true,
    phase: 'request',
  },
  {
    what: 'status 429',
    answer: () => ({ status: 429, headers: { 'retry-after': '7' } }),
    end: { kind: 'upstream-throttled', retryAfter: '7' },
    mayHaveRun: false,
    phase: 'response',
  },
  ...[401, 403].map((status) => ({
    what: `status ${status}`,
    answer: () => ({ status }),
    end: { kind: 'upstream-unauthorized' } as const,
    mayHaveRun: false,
    phase: 'response' as const,
  })),
  ...[500, 502, 503, 504].map((status) => ({
    what: `status ${status}`,
    answer: () => jsonAnswer(RESULT, {}, status),
    end: { kind: 'upstream-http', status } as const,
    mayHaveRun: true,
    phase: 'response' as const,
  })),
  {
    what: 'a redirect',
    answer: () => ({ status: 302, headers: { location: 'http://elsewhere.example/' } }),
    end: { kind: 'upstream-redirect' },
    mayHaveRun: false,
    phase: 'response',
  },
  {
    what: 'a web page',
    answer: () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html></html>' }),
    end: garbled('its content type is neither JSON nor an event stream'),
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'no content type',
    answer: () => ({ status: 200, body: JSON.stringify(RESULT) }),
    end: garbled('its content type is neither JSON nor an event stream'),
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'JSON that is none',
    answer: () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{' }),
    end: garbled('it is not JSON'),
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'JSON that is no message',
    answer: () => jsonAnswer({ ok: true }),
    end: garbled('it is not a JSON-RPC message'),
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'an event that is no JSON',
    answer: () => eventsAnswer('data: nonsense\n\n'),
    end: garbled('it is not JSON'),
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'JSON that breaks off',
    answer: () => ({ status: 200, headers: { 'content-type': 'application/json' }, body: brokenAfter('{"jsonrpc"') }),
    end: CLOSED,
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'events that break off',
    answer: () => eventsAnswer(brokenAfter('data: {"jsonrpc"')),
    end: CLOSED,
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'events that end without an answer',
    answer: () => eventsAnswer(''),
    end: CLOSED,
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'an answer to another request',
    answer: () => jsonAnswer(resultOf('other')),
    end: CLOSED,
    mayHaveRun: true,
    phase: 'response',
  },
  {
    what: 'an answer in an unfinished event',
    answer: () => eventsAnswer(eventsText(RESULT).trimEnd()),
    end: CLOSED,
    mayHaveRun: true,
    phase: 'response',
  },
  { what: 'status 202', answer: () => ({ status: 202 }), end: CLOSED, mayHaveRun: true, phase: 'response' },
  { what: 'status 204', answer: () => ({ status: 204 }), end: CLOSED, mayHaveRun: true, phase: 'response' },
  {
    what: 'an empty body',
    answer: () => ({ status: 200, headers: { 'content-type': 'application/json', 'content-length': '0' } }),
    end: CLOSED,
    mayHaveRun: true,
    phase: 'response',
  },
];

describe('a fault', () => {
  test.each(FAULTS)('$what ends the call for what it is', async ({ answer, end }) => {
    expect((await outcomeOf(answer())).events).toEqual([{ end }]);
  });

  test.each(FAULTS)('$what tells whether the call may have run, and how far it came', async (row) => {
    const { tally } = await outcomeOf(row.answer());
    const may = row.end.kind !== 'cancelled' && mayHaveRun({ kind: row.end.kind, sent: tally.sent });
    expect([may, tally.phase]).toEqual([row.mayHaveRun, row.phase]);
  });

  test('after something interim ends the call after it', async () => {
    expect((await outcomeOf(eventsAnswer(brokenAfter(eventsText(NOTE))))).events).toEqual([
      { interim: 'notifications/message' },
      { end: CLOSED },
    ]);
  });

  test('never follows the answer', async () => {
    expect((await outcomeOf(eventsAnswer(brokenAfter(eventsText(RESULT))))).events).toEqual([FINAL]);
  });
});

describe('a message over the limit', () => {
  const large = resultOf('mine', { text: 'x'.repeat(500) });
  const end = { kind: 'upstream-too-large', limitBytes: 200 };

  test.each([
    ['JSON', jsonAnswer(large)],
    ['an event', eventsAnswer(eventsText(large))],
  ])('ends the call, as %s', async (_form, answer) => {
    const { events, connection } = await outcomeOf(answer, { maxMessageBytes: 200 });
    expect(events).toEqual([{ end }]);
    expect(connection.transport.exchanges[0]?.state).toBe('closed');
  });
});

describe('a refusal', () => {
  test.each([400, 404, 405, 406, 409, 410, 415, 422])(
    'with status %i is returned, with what it says',
    async (status) => {
      const { events, returned } = await outcomeOf(jsonAnswer(errorOf('mine', -32000, 'no', { why: 1 }), {}, status));
      expect(events).toEqual([]);
      expect(returned).toMatchObject({
        kind: 'refused',
        status,
        error: { code: -32000, message: 'no', data: { why: 1 } },
      });
    },
  );

  test.each([null, undefined, 'server-error', 7])('says what it says under the id %j too', async (id) => {
    const { returned } = await outcomeOf(jsonAnswer(errorOf(id, -32600, 'no'), {}, 400));
    expect(returned?.error).toMatchObject({ code: -32600, message: 'no' });
  });

  test.each([
    ['nothing', ''],
    ['text', 'Bad Request'],
    ['a web page', '<html></html>'],
    ['JSON that is no error', '{"error":"no"}'],
    ['a result', JSON.stringify(RESULT)],
    ['an array', `[${JSON.stringify(errorOf('mine', 1, 'no'))}]`],
  ])('with %s is known by its status alone', async (_what, body) => {
    const { returned } = await outcomeOf({ status: 400, headers: { 'content-type': 'application/json' }, body });
    expect(returned).toMatchObject({ kind: 'refused', status: 400, error: undefined });
  });

  test('is passed on whole, however much it says', async () => {
    const { returned } = await outcomeOf(jsonAnswer(errorOf('mine', -32020, 'x'.repeat(70_000)), {}, 400));
    expect(returned?.error).toMatchObject({ code: -32020 });
  });

  test('whose body breaks off is an answer without an end', async () => {
    const { events } = await outcomeOf({ status: 404, body: brokenAfter('{"jsonrpc"') });
    expect(events).toEqual([{ end: { kind: 'upstream-closed' } }]);
  });

  test('does not prove by itself that the call was not executed', async () => {
    const { tally } = await outcomeOf(jsonAnswer(errorOf('mine', -32000, 'no'), {}, 400));
    expect([tally.sent, tally.attempts, tally.phase]).toEqual([true, 1, 'response']);
  });
});

describe('a deadline', () => {
  const total = { kind: 'upstream-timeout', limitMs: 55_000 };
  const idle = { kind: 'upstream-idle', limitMs: 1000 };

  test('ends the wait for an answer, which may have run', async () => {
    const connection = connect(() => new Promise<Answer>(() => {}));
    const running = run(connection);
    await turn();
    connection.clock.advance(55_000);
    expect((await running).events.map(brief)).toEqual([{ end: total }]);
    expect([connection.tally.sent, connection.tally.phase]).toEqual([true, 'request']);
  });

  test('that has passed keeps the request from being sent', async () => {
    const connection = connect(() => jsonAnswer(RESULT));
    connection.clock.advance(55_000);
    expect((await run(connection)).events.map(brief)).toEqual([{ end: total }]);
    expect(connection.tally.sent).toBe(false);
  });

  test.each([
    ['events', 'text/event-stream'],
    ['JSON', 'application/json'],
  ])('ends %s that stop coming', async (_form, type) => {
    const connection = connect(() => ({ status: 200, headers: { 'content-type': type }, body: new MemoryBody() }));
    const running = run(connection);
    await turn();
    connection.clock.advance(55_000);
    expect((await running).events.map(brief)).toEqual([{ end: total }]);
    expect(connection.tally.phase).toBe('response');
  });

  test('ends a refusal that never says why', async () => {
    const connection = connect(() => ({ status: 400, body: new MemoryBody() }));
    const running = run(connection);
    await turn();
    connection.clock.advance(55_000);
    const { events, returned } = await running;
    expect([events.map(brief), returned]).toEqual([[{ end: total }], undefined]);
  });

  test('for silence ends a stream that falls silent', async () => {
    const body = new MemoryBody();
    const connection = connect(() => eventsAnswer(body), { limits: { idleMs: 1000 } });
    const running = run(connection);
    await turn();
    connection.clock.advance(999);
    body.push(eventsText(NOTE));
    await turn();
    connection.clock.advance(999);
    await turn();
    connection.clock.advance(1);
    expect((await running).events.map(brief)).toEqual([{ interim: 'notifications/message' }, { end: idle }]);
  });

  test('for silence begins anew with a comment, and with the headers of an answer', async () => {
    const answer = Promise.withResolvers<Answer>();
    const body = new MemoryBody();
    const connection = connect(() => answer.promise, { limits: { idleMs: 1000 } });
    const running = run(connection);
    await turn();
    connection.clock.advance(900);
    answer.resolve(eventsAnswer(body));
    await turn();
    connection.clock.advance(900);
    body.push(': still here\n\n');
    await turn();
    connection.clock.advance(900);
    body.push(eventsText(RESULT));
    body.end();
    expect((await running).events.map(brief)).toEqual([FINAL]);
  });

  test('for silence begins anew with every byte, whatever it belongs to', async () => {
    const body = new MemoryBody();
    const headers = { 'content-type': 'application/json' };
    const connection = connect(() => ({ status: 200, headers, body }), { limits: { idleMs: 1000, totalMs: 120_000 } });
    const running = run(connection);
    for (const byte of JSON.stringify(RESULT)) {
      await turn();
      connection.clock.advance(999);
      body.push(byte);
    }
    body.end();
    expect((await running).events.map(brief)).toEqual([FINAL]);
  });

  test('that the client sets by cancelling ends the call as cancelled', async () => {
    const connection = connect(() => eventsAnswer(new MemoryBody()));
    const running = run(connection);
    await turn();
    connection.deadline.cancel();
    expect((await running).events.map(brief)).toEqual([{ end: { kind: 'cancelled' } }]);
  });

  test('is why a stream has no answer that ended when the time was over already', async () => {
    const body = new MemoryBody();
    body.push(eventsText(NOTE));
    const { link, tools, clock } = connect(() => eventsAnswer(body));
    const events = exchange(link, REQUEST, tools);
    await events.next();
    body.end();
    clock.advance(55_000);
    expect((await collectAll(events)).events.map(brief)).toEqual([{ end: total }]);
  });

  test('gives what had come before it', async () => {
    const body = new MemoryBody();
    const connection = connect(() => eventsAnswer(body));
    const running = run(connection);
    await turn();
    body.push(eventsText(NOTE, RESULT));
    body.end();
    await turn();
    connection.clock.advance(55_000);
    expect((await running).events.map(brief)).toEqual([{ interim: 'notifications/message' }, FINAL]);
  });
});
