import { describe, expect, test } from 'vitest';
import {
  deliver,
  deliverOne,
  readAccept,
  type Acceptance,
  type Delivery,
  type EventKeeper,
  type Expected,
} from '../../lib/delivery/response.ts';
import { HEARTBEAT } from '../../lib/protocol/sse.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';
import { createSource, final, interim } from './source.ts';

const BOTH: Acceptance = { json: true, eventStream: true };
const JSON_ONLY: Acceptance = { json: true, eventStream: false };
const EVENTS_ONLY: Acceptance = { json: false, eventStream: true };
const ONE: Expected = { finals: 1, batch: false };

/** A delivery that is under way. */
function start(accept: Acceptance = BOTH, expected: Expected = ONE, keeper?: EventKeeper) {
  const clock = createManualClock();
  const source = createSource();
  const delivery = deliver(source.replies, expected, accept, clock, keeper);
  let delivered = false;
  const note = (): void => void (delivered = true);
  delivery.then(note, note);
  return {
    clock,
    source,
    delivery,
    isDelivered: () => delivered,
    /** Lets time pass, and everything run that falls due. */
    async advance(ms: number): Promise<void> {
      await turn();
      clock.advance(ms);
      await turn();
    },
  };
}

/** Counts the events, and notes what it is told. */
function createKeeper(primes = true) {
  const told: string[] = [];
  let last = 0;
  const keeper: EventKeeper = {
    begin() {
      told.push('begin');
      return primes ? '0' : undefined;
    },
    keep(reply) {
      told.push(reply.kind);
      return String((last += 1));
    },
    handOver(continuation) {
      told.push(continuation);
      return String(last);
    },
    end: () => void told.push('end'),
  };
  return { keeper, told };
}

function streamOf({ body }: Delivery): AsyncIterator<string> {
  if (typeof body === 'string') throw new Error(`This is no stream: ${body}`);
  return body[Symbol.asyncIterator]();
}

/** The rest of a body, chunk by chunk. */
async function chunksOf(stream: AsyncIterator<string>): Promise<string[]> {
  const chunks: string[] = [];
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) chunks.push(next.value);
  return chunks;
}

const event = (data: object): string => `event: message\ndata: ${JSON.stringify(data)}\n\n`;

describe('an answer that comes before anything else', () => {
  test('is plain JSON', async () => {
    const { source, delivery } = start();
    source.push(final('a'));
    expect(await delivery).toEqual({
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: '{"final":"a"}',
    });
  });

  test('is plain JSON when it takes almost ten seconds', async () => {
    const { source, delivery, advance } = start();
    await advance(9999);
    source.push(final('a'));
    expect((await delivery).body).toBe('{"final":"a"}');
  });

  test.each([400, 404, 503])('has the status %i that it wants', async (status) => {
    const { source, delivery } = start();
    source.push(final('a', status));
    expect((await delivery).status).toBe(status);
  });

  test('leaves no timer behind', async () => {
    const { source, delivery, clock } = start();
    source.push(final('a'));
    await delivery;
    expect(clock.scheduled).toBe(0);
  });

  test('has closed its source, once', async () => {
    const { source, delivery } = start();
    source.push(final('a'));
    await delivery;
    expect(source.closed).toBe(1);
  });

  test('does not wait for what comes after it', async () => {
    const { source, delivery } = start();
    source.push(final('a'));
    source.push(interim('late'));
    expect((await delivery).body).toBe('{"final":"a"}');
  });
});

describe('an answer before which something else comes', () => {
  test('is a stream of events, in their order, that ends with it', async () => {
    const { source, delivery } = start();
    for (const reply of [interim('a'), interim('b'), final('c')]) source.push(reply);
    const delivered = await delivery;
    expect(delivered).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
    });
    expect(await chunksOf(streamOf(delivered))).toEqual([
      event({ interim: 'a' }),
      event({ interim: 'b' }),
      event({ final: 'c' }),
    ]);
  });

  test('lets each event go when it is there', async () => {
    const { source, delivery } = start();
    source.push(interim('a'));
    const stream = streamOf(await delivery);
    expect(await stream.next()).toEqual({ done: false, value: event({ interim: 'a' }) });
    source.push(interim('b'));
    expect(await stream.next()).toEqual({ done: false, value: event({ interim: 'b' }) });
  });

  test('arrives as the final event, whatever status it wanted', async () => {
    const { source, delivery } = start();
    source.push(interim('a'));
    source.push(final('error', 404));
    const delivered = await delivery;
    expect(delivered.status).toBe(200);
    expect((await chunksOf(streamOf(delivered))).at(-1)).toBe(event({ final: 'error' }));
  });

  test('has closed its source before the final event leaves, so that nothing is owed afterwards', async () => {
    const { source, delivery } = start();
    source.push(interim('a'));
    source.push(final('b'));
    const stream = streamOf(await delivery);
    await stream.next();
    expect(source.closed).toBe(0);
    await stream.next();
    expect(source.closed).toBe(1);
  });

  test('closes its source once, however it ends', async () => {
    const { source, delivery } = start();
    source.push(interim('a'));
    source.push(final('b'));
    await chunksOf(streamOf(await delivery));
    expect(source.closed).toBe(1);
  });

  test('leaves no timer behind', async () => {
    const { source, delivery, clock } = start();
    source.push(interim('a'));
    source.push(final('b'));
    await chunksOf(streamOf(await delivery));
    expect(clock.scheduled).toBe(0);
  });

  test('ends when its source ends, even without an answer', async () => {
    const { source, delivery } = start();
    source.push(interim('a'));
    source.end();
    expect(await chunksOf(streamOf(await delivery))).toEqual([event({ interim: 'a' })]);
  });
});

describe('ten seconds of silence', () => {
  test('begin a stream with a heartbeat', async () => {
    const { delivery, advance, isDelivered } = start();
    await advance(9999);
    expect(isDelivered()).toBe(false);
    await advance(1);
    expect(await streamOf(await delivery).next()).toEqual({ done: false, value: HEARTBEAT });
  });

  test('bring a heartbeat each time', async () => {
    const { source, delivery, advance } = start();
    await advance(10_000);
    const chunks = chunksOf(streamOf(await delivery));
    for (let count = 0; count < 3; count += 1) await advance(10_000);
    source.push(final('a'));
    expect(await chunks).toEqual([HEARTBEAT, HEARTBEAT, HEARTBEAT, HEARTBEAT, event({ final: 'a' })]);
  });

  test('are counted anew from every event', async () => {
    const { source, delivery, advance } = start();
    source.push(interim('a'));
    const chunks = chunksOf(streamOf(await delivery));
    await advance(9999);
    source.push(interim('b'));
    await advance(9999);
    source.push(final('c'));
    expect(await chunks).toEqual([event({ interim: 'a' }), event({ interim: 'b' }), event({ final: 'c' })]);
  });

  test('lose no reply that comes at the very moment of a heartbeat', async () => {
    const { source, delivery, clock } = start();
    await turn();
    source.push(interim('a'));
    clock.advance(10_000);
    await turn();
    source.push(final('b'));
    const chunks = await chunksOf(streamOf(await delivery));
    expect(chunks.filter((chunk) => chunk !== HEARTBEAT)).toEqual([event({ interim: 'a' }), event({ final: 'b' })]);
  });
});

describe('a client that takes JSON only', () => {
  test('is told nothing before the answer', async () => {
    const { source, delivery } = start(JSON_ONLY);
    source.push(interim('a'));
    source.push(final('b'));
    expect(await delivery).toMatchObject({ headers: { 'content-type': 'application/json' }, body: '{"final":"b"}' });
  });

  test('gets no heartbeats, however long it waits', async () => {
    const { source, delivery, advance, clock } = start(JSON_ONLY);
    await advance(60_000);
    expect(clock.scheduled).toBe(0);
    source.push(final('a'));
    expect((await delivery).body).toBe('{"final":"a"}');
  });
});

describe('a client that takes events only', () => {
  test('gets an answer that comes first as the only event', async () => {
    const { source, delivery } = start(EVENTS_ONLY);
    source.push(final('a'));
    expect(await delivery).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      body: event({ final: 'a' }),
    });
  });

  test('gets an error with a status of its own as JSON, which is better than none', async () => {
    const { source, delivery } = start(EVENTS_ONLY);
    source.push(final('a', 404));
    expect(await delivery).toMatchObject({
      status: 404,
      headers: { 'content-type': 'application/json' },
      body: '{"final":"a"}',
    });
  });
});

describe('a batch', () => {
  const THREE: Expected = { finals: 3, batch: true };

  test('is answered with an array, in the order of the answers', async () => {
    const { source, delivery } = start(BOTH, THREE);
    for (const name of ['b', 'a', 'c']) source.push(final(name));
    expect((await delivery).body).toBe('[{"final":"b"},{"final":"a"},{"final":"c"}]');
  });

  test('of one is answered with an array as well', async () => {
    const { source, delivery } = start(BOTH, { finals: 1, batch: true });
    source.push(final('a'));
    expect((await delivery).body).toBe('[{"final":"a"}]');
  });

  test('has status 200, whatever its answers want', async () => {
    const { source, delivery } = start(BOTH, { finals: 2, batch: true });
    source.push(final('a', 404));
    source.push(final('b', 503));
    expect((await delivery).status).toBe(200);
  });

  test('becomes a stream when something comes before the last answer, and loses none that came before', async () => {
    const { source, delivery } = start(BOTH, THREE);
    for (const reply of [final('a'), interim('x'), final('b'), final('c')]) source.push(reply);
    expect(await chunksOf(streamOf(await delivery))).toEqual(
      [{ final: 'a' }, { interim: 'x' }, { final: 'b' }, { final: 'c' }].map(event),
    );
  });

  test('becomes a stream after ten seconds, even if some answers have come', async () => {
    const { source, delivery, advance } = start(BOTH, THREE);
    await advance(6000);
    source.push(final('a'));
    await advance(4000);
    const stream = streamOf(await delivery);
    expect(await stream.next()).toEqual({ done: false, value: event({ final: 'a' }) });
    expect(await stream.next()).toEqual({ done: false, value: HEARTBEAT });
  });

  test('is answered with one event each when the client takes events only', async () => {
    const { source, delivery } = start(EVENTS_ONLY, { finals: 2, batch: true });
    source.push(final('a'));
    source.push(final('b'));
    expect((await delivery).body).toBe(event({ final: 'a' }) + event({ final: 'b' }));
  });

  test('is an array for a client that takes JSON only', async () => {
    const { source, delivery } = start(JSON_ONLY, { finals: 2, batch: true });
    for (const reply of [final('a'), interim('x'), final('b')]) source.push(reply);
    expect((await delivery).body).toBe('[{"final":"a"},{"final":"b"}]');
  });
});

describe('a stream that is kept', () => {
  const withId = (id: number, data: object): string => `event: message\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

  test('has an id on every event, and an empty one first', async () => {
    const { keeper, told } = createKeeper();
    const { source, delivery } = start(BOTH, ONE, keeper);
    source.push(interim('a'));
    source.push(final('b'));
    expect(await chunksOf(streamOf(await delivery))).toEqual([
      'id: 0\ndata: \n\n',
      withId(1, { interim: 'a' }),
      withId(2, { final: 'b' }),
    ]);
    expect(told).toEqual(['begin', 'interim', 'final', 'end']);
  });

  test('begins with its first message for a client that expects no empty one', async () => {
    const { keeper } = createKeeper(false);
    const { source, delivery } = start(BOTH, ONE, keeper);
    source.push(interim('a'));
    source.push(final('b'));
    expect((await chunksOf(streamOf(await delivery)))[0]).toBe(withId(1, { interim: 'a' }));
  });

  test('begins with an empty event after ten seconds of silence', async () => {
    const { keeper, told } = createKeeper();
    const { delivery, advance, source } = start(BOTH, ONE, keeper);
    await advance(10_000);
    const stream = streamOf(await delivery);
    expect((await stream.next()).value).toBe('id: 0\ndata: \n\n');
    expect((await stream.next()).value).toBe(HEARTBEAT);
    source.push(final('a'));
    expect(await chunksOf(stream)).toEqual([withId(1, { final: 'a' })]);
    expect(told).toEqual(['begin', 'final', 'end']);
  });

  test('is none when the answer is plain JSON', async () => {
    const { keeper, told } = createKeeper();
    const { source, delivery } = start(BOTH, ONE, keeper);
    source.push(final('a'));
    expect((await delivery).body).toBe('{"final":"a"}');
    expect(told).toEqual([]);
  });

  test('is one for a client that takes events only, unless the answer has a status of its own', async () => {
    const { keeper, told } = createKeeper();
    const { source, delivery } = start(EVENTS_ONLY, ONE, keeper);
    source.push(final('a'));
    expect(await chunksOf(streamOf(await delivery))).toEqual(['id: 0\ndata: \n\n', withId(1, { final: 'a' })]);
    const refused = start(EVENTS_ONLY, ONE, keeper);
    refused.source.push(final('b', 404));
    expect((await refused.delivery).body).toBe('{"final":"b"}');
    expect(told).toEqual(['begin', 'final', 'end']);
  });

  test('ends with the time to come back when its call is handed over', async () => {
    const { keeper, told } = createKeeper();
    const { source, delivery } = start(BOTH, ONE, keeper);
    source.push(interim('a'));
    source.push({ kind: 'handed-over', continuation: 'what goes on' });
    const chunks = await chunksOf(streamOf(await delivery));
    expect(chunks.at(-1)).toBe('retry: 1000\nid: 1\ndata: \n\n');
    expect(told).toEqual(['begin', 'interim', 'what goes on', 'end']);
    expect(source.closed).toBe(1);
  });

  test('has ended for its keeper when its reader goes', async () => {
    const { keeper, told } = createKeeper();
    const { source, delivery } = start(BOTH, ONE, keeper);
    source.push(interim('a'));
    const stream = streamOf(await delivery);
    for (let count = 0; count < 2; count += 1) await stream.next();
    await stream.return?.();
    expect(told).toEqual(['begin', 'interim', 'end']);
  });
});

describe('a client that goes', () => {
  test('closes the source, once', async () => {
    const { source, delivery } = start();
    source.push(interim('a'));
    source.push(interim('b'));
    const stream = streamOf(await delivery);
    await stream.next();
    await stream.return?.();
    expect(source.closed).toBe(1);
  });

  test('leaves no timer behind', async () => {
    const { source, delivery, clock } = start();
    source.push(interim('a'));
    const stream = streamOf(await delivery);
    await stream.next();
    await stream.return?.();
    expect(clock.scheduled).toBe(0);
  });

  test('during a silence closes the source once it speaks', async () => {
    const { source, delivery, advance } = start();
    await advance(10_000);
    const stream = streamOf(await delivery);
    await stream.next();
    const returned = stream.return?.();
    source.push(final('a'));
    await returned;
    expect(source.closed).toBe(1);
  });
});

test('a source that fails is closed, and its failure is told', async () => {
  const { source, delivery } = start();
  source.fail(new Error('own'));
  await expect(delivery).rejects.toThrow('own');
  expect(source.closed).toBe(1);
});

describe('a response that is there already', () => {
  test('is plain JSON', () => {
    expect(deliverOne('{"a":1}', 400, BOTH)).toMatchObject({ status: 400, body: '{"a":1}' });
  });

  test('is an event for a client that takes events only', () => {
    expect(deliverOne('{"a":1}', 200, EVENTS_ONLY)).toMatchObject({ body: event({ a: 1 }) });
  });
});

describe('Accept', () => {
  test.each([
    undefined,
    '*/*',
    'application/json, text/event-stream',
    'text/event-stream,application/json',
    'application/json;q=0.9, text/event-stream;q=0.1',
    'Application/JSON , TEXT/Event-Stream',
    'application/json; charset=utf-8, text/event-stream',
    'application/*, text/*',
    'text/html, application/xhtml+xml, */*;q=0.8',
    ', application/json,, text/event-stream,',
    'text/html;q=0, */*',
    'application/json;q=0.001, text/event-stream;q=1.000',
  ])('%j takes both forms', (header) => {
    expect(readAccept(header)).toEqual(BOTH);
  });

  test.each([
    'application/json',
    'application/*',
    'application/json, text/event-stream;q=0',
    'application/json, text/event-stream; q=0.0',
    'application/json, text/event-stream;Q=0.000',
    'application/json, text/html',
    '*/*, text/event-stream;q=0',
    '*/*, text/*;q=0',
    'application/json, text/event-streams',
  ])('%j takes JSON only', (header) => {
    expect(readAccept(header)).toEqual(JSON_ONLY);
  });

  test.each([
    'text/event-stream',
    'text/*',
    'text/event-stream, application/json;q=0',
    '*/*, application/json;q=0',
    'text/*, application/*;q=0, */*',
    'text/event-stream, application/jsonl',
  ])('%j takes events only', (header) => {
    expect(readAccept(header)).toEqual(EVENTS_ONLY);
  });

  test.each([
    'text/html',
    'application/xml, image/*',
    '*/*;q=0',
    'application/json;q=0, text/event-stream;q=0',
    'application/json;q=0',
    'json',
    '*',
    'application',
  ])('%j takes neither', (header) => {
    expect(readAccept(header)).toBeUndefined();
  });
});
