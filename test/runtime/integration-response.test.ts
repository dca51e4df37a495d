import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerSink } from '../../lib/local/emulator/environment.ts';
import { seeded } from '../support/property.ts';
import { writeResponse } from './integration-response.ts';
import type { ResponseHead } from './runtime-api.ts';

const STREAM: ResponseHead = {
  streaming: true,
  contentType: 'application/vnd.awslambda.http-integration-response',
};
const BUFFERED: ResponseHead = { streaming: false, contentType: 'application/json' };
const PRELUDE = '{"statusCode":201,"headers":{"x-team":"grüße"}}';

interface Told {
  readonly heads: string[];
  readonly body: Buffer[];
  ends: number;
}

function listen(): { readonly sink: AnswerSink; readonly told: Told } {
  const told: Told = { heads: [], body: [], ends: 0 };
  const sink: AnswerSink = {
    head: (prelude) => void told.heads.push(prelude),
    chunk: (data, taken) => {
      told.body.push(Buffer.from(data));
      taken();
    },
    end: () => {
      told.ends += 1;
    },
    broken: () => expect.unreachable('a writer breaks nothing off'),
  };
  return { sink, told };
}

/** Writes chunks as a response, and says whether it was one. */
function write(head: ResponseHead, chunks: readonly Buffer[]): { readonly isResponse: boolean; readonly told: Told } {
  const { sink, told } = listen();
  const writer = writeResponse(head, sink);
  let taken = 0;
  for (const chunk of chunks) writer.chunk(chunk, () => void (taken += 1));
  expect(taken).toBe(chunks.length);
  return { isResponse: writer.end(), told };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).toSorted((one, other) => one - other)];
  return places.map((place, index) => bytes.subarray(place, places[index + 1]));
}

function response(prelude: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(prelude), Buffer.alloc(8), body]);
}

describe('a response with status and headers', () => {
  test('is taken apart wherever it is cut, and keeps the zero bytes of its body', () => {
    const body = fc.array(fc.constantFrom(0, 0, 0, 65)).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(body, fc.array(fc.nat(), { maxLength: 6 }), (bytes, at) => {
        const { isResponse, told } = write(STREAM, cut(response(PRELUDE, bytes), at));
        expect(isResponse).toBe(true);
        expect(told).toMatchObject({ heads: [PRELUDE], ends: 1 });
        expect(Buffer.concat(told.body)).toEqual(bytes);
      }),
      seeded('a response taken apart'),
    );
  });

  test('tells them before the body begins', () => {
    const { sink, told } = listen();
    writeResponse(STREAM, sink).chunk(response(PRELUDE, Buffer.alloc(0)), () => undefined);
    expect(told).toEqual({ heads: [PRELUDE], body: [], ends: 0 });
  });

  test('that was ended without a write has no status either', () => {
    const { isResponse, told } = write(STREAM, []);
    expect(isResponse).toBe(true);
    expect(told).toEqual({ heads: [], body: [], ends: 1 });
  });

  test.for([PRELUDE, `no json${'\0'.repeat(8)}body`, `7${'\0'.repeat(8)}body`])('is none: %j', (text) => {
    const { isResponse, told } = write(STREAM, [Buffer.from(text)]);
    expect(isResponse).toBe(false);
    expect(told).toEqual({ heads: [], body: [], ends: 0 });
  });
});

test('a stream of bytes is 200, of the type that it says', () => {
  const { told } = write({ streaming: true, contentType: 'text/plain' }, [Buffer.from('a\0\0\0\0\0\0\0\0b')]);
  expect(told.heads.map((head) => JSON.parse(head) as unknown)).toEqual([
    { statusCode: 200, headers: { 'content-type': 'text/plain' } },
  ]);
  expect(Buffer.concat(told.body).toString()).toBe('a\0\0\0\0\0\0\0\0b');
});

describe('a response that is not streamed', () => {
  test('is a result of payload format 2.0', () => {
    const result = {
      statusCode: 404,
      headers: { 'x-a': 'b' },
      cookies: ['c=d'],
      body: 'Z3LDvMOfZQ==',
      isBase64Encoded: true,
    };
    const { told } = write(BUFFERED, [Buffer.from(JSON.stringify(result))]);
    const { statusCode, headers, cookies } = result;
    expect(told.heads.map((head) => JSON.parse(head) as unknown)).toEqual([{ statusCode, headers, cookies }]);
    expect(Buffer.concat(told.body).toString()).toBe('grüße');
    expect(told.ends).toBe(1);
  });

  test.for([
    ['{"checked":3}', '{"checked":3}'],
    ['"text"', 'text'],
    ['null', 'null'],
  ])('or else its own body: %s', ([value, body]) => {
    const { told } = write(BUFFERED, [Buffer.from(value!)]);
    expect(told.heads).toHaveLength(1);
    expect(Buffer.concat(told.body).toString()).toBe(body);
  });

  test('is none when it is no JSON', () => {
    expect(write(BUFFERED, [Buffer.from('{')]).isResponse).toBe(false);
  });
});
