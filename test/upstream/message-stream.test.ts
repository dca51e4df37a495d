import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collect, readEventStream, readJsonBody, type StreamItem } from '../../lib/upstream/message-stream.ts';
import { jsonText } from '../protocol/arbitrary-json.ts';
import { seeded } from '../support/property.ts';

const property = seeded('test/upstream/message-stream');

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** A body that comes in these pieces, and then ends or breaks. */
async function* bodyOf(
  pieces: readonly (string | Uint8Array)[],
  ending: 'end' | 'break' = 'end',
): AsyncGenerator<Uint8Array, void> {
  for (const piece of pieces) yield typeof piece === 'string' ? bytesOf(piece) : piece;
  if (ending === 'break') throw new Error('The connection broke');
}

async function itemsOf(stream: AsyncIterable<StreamItem>): Promise<StreamItem[]> {
  const items: StreamItem[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The texts of messages, and the faults, in their order. */
function summary(items: readonly StreamItem[]): unknown[] {
  return items.flatMap((item) => {
    if (item.kind === 'position' || item.kind === 'retry') return [];
    return [item.kind === 'message' ? item.message.text : item.fault];
  });
}

/** From where the stream can be resumed after each item. */
async function positions(text: string): Promise<unknown[]> {
  const items = await itemsOf(readEventStream(bodyOf([text]), 10_000));
  return items.map((item) => ('eventId' in item ? item.eventId : undefined));
}

async function events(pieces: readonly (string | Uint8Array)[], ending?: 'break', maxBytes = 10_000) {
  const items = await itemsOf(readEventStream(bodyOf(pieces, ending), maxBytes));
  return summary(items);
}

const json = async (pieces: readonly (string | Uint8Array)[], ending?: 'break', maxBytes = 10_000) =>
  summary(await readJsonBody(bodyOf(pieces, ending), maxBytes, () => {}));

const NOTE = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"世界 😀 é"}}';
const ANSWER = '{"jsonrpc":"2.0","id":"a","result":{"text":"\u{1f469}\u200d\u{1f680}"}}';
const NOT_JSON = { kind: 'upstream-garbled', reason: 'it is not JSON' };
const NO_MESSAGE = { kind: 'upstream-garbled', reason: 'it is not a JSON-RPC message' };
const CLOSED = { kind: 'upstream-closed' };

describe('a body of JSON', () => {
  test('is one message', async () => {
    expect(await json([ANSWER])).toEqual([ANSWER]);
  });

  test('is garbled from the first thing in an array that is no message', async () => {
    expect(await json([`[${NOTE},0,${ANSWER}]`])).toEqual([
      NOTE,
      { kind: 'upstream-garbled', reason: expect.any(String) },
    ]);
  });

  test('is garbled when it holds more messages than anyone sends together', async () => {
    const [only, ...others] = await json([`[${'0,'.repeat(200_000)}0]`], undefined, 1_000_000);
    expect(only).toMatchObject({ kind: 'upstream-garbled' });
    expect(others).toEqual([]);
  });

  test('is the messages of an array, each with its own text', async () => {
    expect(await json([`[ ${NOTE} ,\n${ANSWER}]`])).toEqual([NOTE, ANSWER]);
  });

  test('reads the same wherever its pieces end, within a character too', async () => {
    const bytes = bytesOf(`[${NOTE},${ANSWER}]`);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(await json([bytes.slice(0, cut), bytes.slice(cut)])).toEqual([NOTE, ANSWER]);
    }
  });

  test.each(['', '{', 'nonsense', `${ANSWER}x`, '<html></html>'])('that is no JSON is garbled: %j', async (text) => {
    expect(await json([text])).toEqual([NOT_JSON]);
  });

  test.each(['{}', 'null', '7', '"x"', '{"jsonrpc":"1.0","id":1,"result":{}}', '{"jsonrpc":"2.0","id":1,"result":7}'])(
    'that is no message is garbled: %s',
    async (text) => {
      expect(await json([text])).toEqual([NO_MESSAGE]);
    },
  );

  test('is read as far as its array holds messages', async () => {
    expect(await json([`[${NOTE},null]`])).toEqual([NOTE, NO_MESSAGE]);
  });

  test('that breaks off was closed', async () => {
    expect(await json([ANSWER.slice(0, 10)], 'break')).toEqual([CLOSED]);
  });

  test('that breaks after its last byte was closed, as nobody can know that it was the last', async () => {
    expect(await json([ANSWER], 'break')).toEqual([CLOSED]);
  });

  test('may be as large as the limit, counted in bytes', async () => {
    const { byteLength } = bytesOf(NOTE);
    expect(await json([NOTE], undefined, byteLength)).toEqual([NOTE]);
    expect(await json([NOTE], undefined, byteLength - 1)).toEqual([
      { kind: 'upstream-too-large', limitBytes: byteLength - 1 },
    ]);
  });

  test('that is too large is not read further', async () => {
    let pieces = 0;
    async function* endless(): AsyncGenerator<Uint8Array, void> {
      for (;;) {
        pieces += 1;
        yield new Uint8Array(100);
      }
    }
    expect(summary(await readJsonBody(endless(), 1000, () => {}))).toEqual([
      { kind: 'upstream-too-large', limitBytes: 1000 },
    ]);
    expect(pieces).toBe(11);
  });
});

describe('a stream of events', () => {
  const stream = `: hello\r\n\r\nevent: message\r\ndata: ${NOTE}\r\n\r\nid: 1\ndata:\n\nevent: ping\ndata: x\n\ndata: ${ANSWER}\n\n`;

  test('is its messages, in their order', async () => {
    expect(await events([stream])).toEqual([NOTE, ANSWER]);
  });

  test('says from where it can be resumed, wherever the upstream says so', async () => {
    expect(await positions(stream)).toEqual([undefined, '1', undefined]);
    expect(await positions(`id: a\ndata: ${NOTE}\n\nid: b\ndata: ${ANSWER}\n\n`)).toEqual(['a', 'b']);
  });

  test('says how long to wait before it is resumed, which is never longer than a call lasts', async () => {
    const items = await itemsOf(
      readEventStream(bodyOf([`retry: 500\nid: a\ndata:\n\nretry: ${'9'.repeat(400)}\n\n`]), 10_000),
    );
    expect(items).toEqual([
      { kind: 'retry', ms: 500 },
      { kind: 'position', eventId: 'a' },
      { kind: 'retry', ms: 3_600_000 },
    ]);
  });

  test.each(['retry: soon', 'retry:', 'retry: -1', 'retry: 1.5'])('says nothing of the kind with %j', async (line) => {
    expect(await itemsOf(readEventStream(bodyOf([`${line}\n\n`]), 10_000))).toEqual([]);
  });

  test('can be resumed after an event only once all of its messages have been read', async () => {
    expect(await positions(`id: a\ndata: [${NOTE},${ANSWER}]\n\n`)).toEqual([undefined, 'a']);
  });

  test.each(['with space', '名前', 'x'.repeat(1025)])(
    'cannot be resumed after an id that no header carries: %j',
    async (id) => {
      expect(await positions(`id: ${id}\ndata: ${NOTE}\n\nid: ${id}\ndata:\n\n`)).toEqual([undefined]);
    },
  );

  test('cannot be resumed after an event that holds no message', async () => {
    expect(await positions('id: a\ndata: nonsense\n\n')).toEqual([undefined]);
  });

  test('reads the same wherever its pieces end, within a character too', async () => {
    const bytes = bytesOf(stream);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(await events([bytes.slice(0, cut), bytes.slice(cut)])).toEqual([NOTE, ANSWER]);
    }
  });

  test('reads the same byte by byte', async () => {
    const pieces = Array.from(bytesOf(stream), (byte) => Uint8Array.of(byte));
    expect(await events(pieces)).toEqual([NOTE, ANSWER]);
  });

  test('reads the same in any pieces, whatever its messages hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(jsonText, { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        async (values, cuts) => {
          const texts = values.map(
            (value) => `{"jsonrpc":"2.0","method":"n","params":{"v":${value.replace(/[\r\n]/g, ' ')}}}`,
          );
          const bytes = bytesOf(texts.map((text) => `data: ${text}\n\n`).join(''));
          const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
          const pieces = [0, ...ends].map((start, index) => bytes.slice(start, ends[index] ?? bytes.length));
          expect(await events(pieces, undefined, Infinity)).toEqual(texts);
        },
      ),
      property,
    );
  });

  test('may print its JSON in several lines of data', async () => {
    const items = await events([`data: {"jsonrpc":"2.0",\ndata: "id":1,\ndata: "result":{}}\n\n`]);
    expect(items).toEqual(['{"jsonrpc":"2.0",\n"id":1,\n"result":{}}']);
  });

  test('may hold several messages in one event', async () => {
    expect(await events([`data: [${NOTE},${ANSWER}]\n\n`])).toEqual([NOTE, ANSWER]);
  });

  test('gives a message as soon as its event is complete', async () => {
    let read = 0;
    async function* body(): AsyncGenerator<Uint8Array, void> {
      read = 1;
      yield bytesOf(`data: ${NOTE}\n\n`);
      read = 2;
      yield bytesOf(`data: ${ANSWER}\n\n`);
    }
    const items = readEventStream(body(), 10_000);
    expect(summary([(await items.next()).value as StreamItem])).toEqual([NOTE]);
    expect(read).toBe(1);
    await items.return();
  });

  test('drops an event that it does not finish', async () => {
    expect(await events([`data: ${NOTE}\n\ndata: ${ANSWER}\n`])).toEqual([NOTE]);
  });

  test('that breaks gives what came before, and then that it was closed', async () => {
    expect(await events([`data: ${NOTE}\n\n`, 'data: {'], 'break')).toEqual([NOTE, CLOSED]);
  });

  test.each([
    ['no JSON', 'data: {\n\n', NOT_JSON],
    ['no message', 'data: {}\n\n', NO_MESSAGE],
  ])('ends with the first event that is %s', async (_what, bad, fault) => {
    expect(await events([`data: ${NOTE}\n\n${bad}data: ${ANSWER}\n\n`])).toEqual([NOTE, fault]);
  });

  test.each([
    ['at once', [`data: ${NOTE}\n\ndata: ${'x'.repeat(500)}\n\ndata: ${ANSWER}\n\n`]],
    [
      'in pieces',
      [`data: ${NOTE}\n\n`, 'data: ', ...Array.from({ length: 50 }, () => 'x'.repeat(10)), `\n\ndata: ${ANSWER}\n\n`],
    ],
    ['without an end', [`data: ${NOTE}\n\n`, 'data: ', ...Array.from({ length: 1000 }, () => 'x'.repeat(10))]],
  ])('ends with an event over the limit that comes %s', async (_how, pieces) => {
    expect(await events(pieces, undefined, 200)).toEqual([NOTE, { kind: 'upstream-too-large', limitBytes: 200 }]);
  });

  test('may be longer than the limit, which is for one message', async () => {
    const pieces = Array.from({ length: 50 }, () => `data: ${NOTE}\n\n`);
    expect(await events(pieces, undefined, 200)).toHaveLength(50);
  });

  test('is given up by a reader that stops', async () => {
    let given = false;
    async function* body(): AsyncGenerator<Uint8Array, void> {
      try {
        for (;;) yield bytesOf(`data: ${NOTE}\n\n`);
      } finally {
        given = true;
      }
    }
    const items = readEventStream(body(), 10_000);
    await items.next();
    await items.return();
    expect(given).toBe(true);
  });
});

describe('collect', () => {
  test('gives the whole text', async () => {
    const bytes = bytesOf('世界');
    expect(await collect(bodyOf([bytes.slice(0, 1), bytes.slice(1, 4), bytes.slice(4)]), 6)).toBe('世界');
  });

  test('gives no text over the limit', async () => {
    expect(await collect(bodyOf(['世界']), 5)).toEqual({ kind: 'upstream-too-large', limitBytes: 5 });
  });

  test('gives no text that broke off', async () => {
    expect(await collect(bodyOf(['a'], 'break'), 5)).toEqual(CLOSED);
  });
});
