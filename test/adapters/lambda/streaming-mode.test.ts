/** What comes of an answer whose response breaks: a stream of Node's in the place of the runtime's own, behind middy. */
import { once } from 'node:events';
import { Writable } from 'node:stream';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { StreamingResult } from '../../../lib/adapters/lambda/event.ts';
import { streamingMode } from '../../../lib/adapters/lambda/streaming-mode.ts';

beforeAll(() => {
  vi.stubGlobal('awslambda', {
    streamifyResponse: (handler: unknown) => handler,
    HttpResponseStream: { from: (stream: Writable) => stream },
  });
});
afterAll(() => {
  vi.unstubAllGlobals();
});

type Streaming = (event: object, stream: Writable, context: Partial<Context>) => Promise<void>;

/** Runs a function that answers with that body. */
function answer(body: StreamingResult['body'], response: Writable, requestEnd = async () => {}): Promise<void> {
  const handler = middy(async () => ({ statusCode: 200, headers: {}, body }), {
    executionMode: streamingMode,
    timeoutEarlyInMillis: 0,
    requestEnd,
  }) as unknown as Streaming;
  return handler({}, response, {});
}

/** Takes everything. */
const willing = (): Writable => new Writable({ write: (_chunk, _encoding, taken) => taken() });

/** Takes its first chunk, and no more. */
function full(): Writable {
  let chunks = 0;
  return new Writable({
    highWaterMark: 1,
    write(_chunk, _encoding, taken) {
      chunks += 1;
      if (chunks === 1) taken();
      else this.emit('full');
    },
  });
}

async function* inPieces(...pieces: readonly string[]): AsyncGenerator<string> {
  yield* pieces;
}

async function* failing(): AsyncGenerator<string> {
  yield 'half';
  throw new Error('of the body');
}

describe('a response that breaks', () => {
  test('with an error while the body is being made fails the answer, and nothing else', async () => {
    const response = willing();
    async function* body(): AsyncGenerator<string> {
      yield 'first';
      const closed = new Promise<void>((resolve) => {
        response.once('close', resolve);
      });
      response.destroy(new Error('connection lost'));
      await closed;
      yield 'second';
    }
    await expect(answer(body(), response)).rejects.toThrow('connection lost');
  });

  test('without an error while it is waited for is not waited for any longer', async () => {
    const response = full();
    response.once('full', () => response.destroy());
    await expect(answer(inPieces('first', 'second', 'third'), response)).rejects.toThrow(
      'The response was closed before all of it was written',
    );
  });

  test('before the body was begun fails the answer', async () => {
    const response = willing();
    const closed = once(response, 'close');
    response.destroy();
    await closed;
    await expect(answer(inPieces('first'), response)).rejects.toThrow(
      'The response was closed before all of it was written',
    );
  });

  test('at its end fails the answer', async () => {
    const response = new Writable({
      write: (_chunk, _encoding, taken) => taken(),
      final: (done) => done(new Error('at the end')),
    });
    await expect(answer('whole', response)).rejects.toThrow('at the end');
  });
});

describe('what fails', () => {
  const fail = (): Promise<void> => Promise.reject(new Error('of the end'));

  test('after a body that broke off does not hide why that did', async () => {
    await expect(answer(failing(), willing(), fail)).rejects.toMatchObject({
      message: 'Error: of the body; then Error: of the end',
      errors: [{ message: 'of the body' }, { message: 'of the end' }],
    });
  });

  test('alone is thrown as it is, before the end of the answer and after it', async () => {
    await expect(answer(failing(), willing())).rejects.toThrow(/^of the body$/);
    await expect(answer('whole', willing(), fail)).rejects.toThrow(/^of the end$/);
  });
});
