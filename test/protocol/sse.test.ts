import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSseReader, HEARTBEAT, idField, sseEvent, ssePosition, sseReturn } from '../../lib/protocol/sse.ts';
import { seeded } from '../support/property.ts';
import { jsonText } from './arbitrary-json.ts';

const property = seeded('test/protocol/sse');

interface Seen {
  readonly messages: string[];
  overflows: number;
}

/** What a reader makes of a stream that comes in these pieces. */
function read(pieces: readonly string[], maxEventChars = 10_000): Seen {
  const seen: Seen = { messages: [], overflows: 0 };
  const reader = createSseReader(
    {
      onMessage: (data) => void seen.messages.push(data),
      onOverflow: () => void (seen.overflows += 1),
    },
    maxEventChars,
  );
  for (const piece of pieces) {
    reader.feed(piece);
    if (seen.overflows > 0) break;
  }
  return seen;
}

describe('an event', () => {
  test.each([
    ['without a type', 'data: {}\n\n'],
    ['of type message', 'event: message\ndata: {}\n\n'],
    ['of an empty type', 'event:\ndata: {}\n\n'],
    ['without a space after the colon', 'data:{}\n\n'],
    ['with an id and a retry time', 'id: 7\nretry: 100\ndata: {}\n\n'],
    ['with a field that nobody knows', 'x-vendor: 1\ndata: {}\n\n'],
    ['in lines that end with CRLF', 'event: message\r\ndata: {}\r\n\r\n'],
    ['in lines that end with CR', 'event: message\rdata: {}\r\r'],
    ['after a byte order mark', '\ufeffdata: {}\n\n'],
  ])('%s is a message', (_what, text) => {
    expect(read([text]).messages).toEqual(['{}']);
  });

  test('of several data lines is one message, its lines joined', () => {
    expect(read(['data: {\ndata:   "a": 1\ndata: }\n\n']).messages).toEqual(['{\n  "a": 1\n}']);
  });

  test.each(['endpoint', 'ping', 'Message', 'error'])('of type %s is not a message', (type) => {
    expect(read([`event: ${type}\ndata: {}\n\n`])).toEqual({ messages: [], overflows: 0 });
  });

  test('tells its id together with its message', () => {
    const seen: unknown[] = [];
    const reader = createSseReader(
      {
        onMessage: (data, id) => void seen.push([data, id]),
        onPosition: (id) => void seen.push(id),
        onOverflow: () => void seen.push('overflow'),
      },
      100,
    );
    reader.feed('id: 1\ndata:\n\nid: 2\ndata: {}\n\ndata: {}\n\nid:\ndata: {}\n\nevent: ping\nid: 3\ndata:\n\n');
    expect(seen).toEqual(['1', ['{}', '2'], ['{}', undefined], ['{}', undefined]]);
  });

  test('written with an id is read with it, and so is an id by itself', () => {
    const seen: unknown[] = [];
    const reader = createSseReader(
      {
        onMessage: (data, id) => void seen.push([data, id]),
        onPosition: (id) => void seen.push(id),
        onOverflow: () => {},
      },
      100,
    );
    reader.feed(ssePosition('a') + sseEvent('{}', 'b') + sseReturn('c', 1000));
    expect(seen).toEqual(['a', ['{}', 'b'], 'c']);
    expect(sseReturn('c', 1000)).toBe('retry: 1000\nid: c\ndata: \n\n');
  });

  test('an id without data is an event to nobody', () => {
    const seen: unknown[] = [];
    const record = (...what: unknown[]): void => void seen.push(what);
    const handlers = { onMessage: record, onPosition: record, onRetry: record, onOverflow: () => record('overflow') };
    createSseReader(handlers, 100).feed(`${idField('a')}${sseEvent('{}')}`);
    expect(idField('a')).toBe('id: a\n\n');
    expect(seen).toEqual([['{}', undefined]]);
  });

  test('with empty data carries an id only', () => {
    expect(read(['id: 1\ndata:\n\n'])).toEqual({ messages: [], overflows: 0 });
  });

  test('does not pass its type on to the next one', () => {
    expect(read(['event: ping\ndata: 1\n\ndata: {}\n\n']).messages).toEqual(['{}']);
  });

  test('that the stream does not finish is not a message', () => {
    expect(read(['data: {}\n']).messages).toEqual([]);
  });
});

describe('a comment', () => {
  test('is no message', () => {
    expect(read([': still here\n\n', ':\n\n', ':\r\n'])).toEqual({ messages: [], overflows: 0 });
  });

  test('in the middle of an event does not break it', () => {
    expect(read(['data: {\n: still here\ndata: }\n\n']).messages).toEqual(['{\n}']);
  });
});

describe('the limit', () => {
  test('lets an event pass that is as large as it', () => {
    const data = 'x'.repeat(100);
    expect(read([`data: ${data}\n\n`], 100)).toEqual({ messages: [data], overflows: 0 });
  });

  test('does not count events that came before', () => {
    const data = 'x'.repeat(60);
    expect(read([`data: ${data}\n\n`.repeat(20)], 100).messages).toHaveLength(20);
  });

  test.each([
    ['in one piece', [`data: ${'x'.repeat(101)}\n\n`]],
    ['in one piece together with others', [`data: a\n\ndata: ${'x'.repeat(101)}\n\ndata: b\n\n`]],
    ['in one piece with its type', [`event: message\ndata: ${'x'.repeat(101)}\n\n`]],
    ['in one piece with CRLF', [`data: ${'x'.repeat(101)}\r\n\r\n`]],
    ['in small pieces', [`data: `, ...Array.from({ length: 101 }, () => 'x'), '\n\n']],
    ['in several lines', [`data: ${'x'.repeat(51)}\ndata: ${'x'.repeat(51)}\n\n`]],
    ['in a line that never ends', Array.from({ length: 50 }, () => 'data: xxx')],
  ])('stops a larger event that comes %s, once', (_how, pieces) => {
    const seen = read(pieces, 100);
    expect(seen.overflows).toBe(1);
    expect(seen.messages.every((data) => data.length <= 100)).toBe(true);
  });
});

test('a comment is passed over, however long it is', () => {
  const comment = [':', ...Array.from({ length: 50 }, () => 'xxxxx'), '\n\n'];
  expect(read([...comment, 'data: {}\n\n'], 100)).toEqual({ messages: ['{}'], overflows: 0 });
});

describe('what the gateway writes', () => {
  test('comes back from its own reader as the same JSON, however it was printed', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const [data, ...others] = read([sseEvent(text)], Infinity).messages;
        expect(others).toEqual([]);
        expect(JSON.stringify(JSON.parse(data ?? ''))).toBe(JSON.stringify(JSON.parse(text)));
      }),
      property,
    );
  });

  test.each(['\n', '\r\n', '\r'])('is one line of data when the JSON text is printed with %j', (lineEnd) => {
    const text = `{${lineEnd}  "a": "b\\n",${lineEnd}  "c": [1]${lineEnd}}`;
    expect(sseEvent(text)).toBe('event: message\ndata: {   "a": "b\\n",   "c": [1] }\n\n');
  });

  test('keeps every byte of a text without line breaks', () => {
    expect(sseEvent('{"n":1.0, "s":"\u2028"}')).toBe('event: message\ndata: {"n":1.0, "s":"\u2028"}\n\n');
  });

  test('is a heartbeat that readers pass over', () => {
    expect(read([HEARTBEAT])).toEqual({ messages: [], overflows: 0 });
  });
});

test('a stream reads the same wherever its pieces end', () => {
  const event = fc.oneof(
    jsonText.map(sseEvent),
    fc.constant(HEARTBEAT),
    fc.constantFrom('event: ping\r\ndata: 1\r\n\r\n', 'id: 1\rdata:\r\r', 'data: {\r\ndata: }\r\n\r\n', 'data: 1\r\r'),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (events, cuts) => {
      const whole = events.join('');
      const ends = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].toSorted((a, b) => a - b);
      const pieces = [0, ...ends].map((start, index) => whole.slice(start, ends[index] ?? whole.length));
      expect(read(pieces)).toEqual(read([whole]));
    }),
    property,
  );
});
