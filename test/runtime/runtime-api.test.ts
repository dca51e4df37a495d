import { once } from 'node:events';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  startRuntimeApi,
  type DeliveredInvocation,
  type ResponseHead,
  type RuntimeApi,
  type RuntimeFailure,
} from './runtime-api.ts';

const INVOCATION = '/2018-06-01/runtime/invocation';
const NEXT = `${INVOCATION}/next`;
const STREAMING = {
  'lambda-runtime-function-response-mode': 'streaming',
  'content-type': 'application/vnd.awslambda.http-integration-response',
  trailer: 'lambda-runtime-function-error-type, lambda-runtime-function-error-body',
};

const invocation: DeliveredInvocation = {
  requestId: 'request-1',
  traceId: 'Root=1-67891233-abcdef012345678912345678',
  functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:test',
  endsAt: 1_800_000_000_123,
  event: { text: 'grüße' },
};

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A runtime that a test plays itself, and what the platform hears of it. */
interface Played {
  readonly api: RuntimeApi;
  readonly heads: ResponseHead[];
  /** What of the response has come. */
  text(): string;
  /** How it ended, `whole` without a failure. */
  readonly ended: Promise<RuntimeFailure | 'whole'>;
  readonly initFailure: Promise<RuntimeFailure>;
  /** Times that it has asked for an invocation. */
  idle(): number;
  /** Resolves once the next chunk has come. */
  nextChunk(): Promise<string>;
  begin(method: string, path: string, headers?: Record<string, string>): ClientRequest;
  send(method: string, path: string, body?: string, headers?: Record<string, string>): Promise<Reply>;
  /** Asks for an invocation, and is given one. */
  take(): Promise<Reply>;
}

async function play(): Promise<Played> {
  const ended = Promise.withResolvers<RuntimeFailure | 'whole'>();
  const initFailure = Promise.withResolvers<RuntimeFailure>();
  const heads: ResponseHead[] = [];
  const chunks: Buffer[] = [];
  let idle = 0;
  let onIdle = (): void => {};
  let onChunk = (_text: string): void => {};
  const api = await startRuntimeApi({
    onIdle: () => {
      idle += 1;
      onIdle();
    },
    onInitFailure: initFailure.resolve,
  });
  onTestFinished(() => api.close());
  const begin: Played['begin'] = (method, path, headers = {}) => {
    const [host, port] = api.address.split(':');
    const outgoing = httpRequest({ host, port, method, path, headers, agent: false });
    // Whoever waits for its response hears of it, and what is still open at the end of a test breaks.
    return outgoing.on('error', () => undefined);
  };
  const send: Played['send'] = async (method, path, body = '', headers = {}) => {
    const outgoing = begin(method, path, headers);
    outgoing.end(body);
    return await readReply(outgoing);
  };
  return {
    api,
    heads,
    text: () => Buffer.concat(chunks).toString(),
    ended: ended.promise,
    initFailure: initFailure.promise,
    idle: () => idle,
    nextChunk: () =>
      new Promise((resolve) => {
        onChunk = resolve;
      }),
    begin,
    send,
    take: async () => {
      const asked = new Promise<void>((resolve) => {
        onIdle = resolve;
      });
      const reply = send('GET', NEXT);
      await asked;
      api.deliver(invocation, {
        begin: (head) => heads.push(head),
        chunk: (bytes, taken) => {
          chunks.push(bytes);
          onChunk(bytes.toString());
          taken();
        },
        end: (failure) => ended.resolve(failure ?? 'whole'),
      });
      return await reply;
    },
  };
}

async function readReply(outgoing: ClientRequest): Promise<Reply> {
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const text = Buffer.concat(await incoming.toArray()).toString();
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text };
}

describe('the next invocation', () => {
  test('comes to a runtime that asked before there was one, with all that it must know', async () => {
    const runtime = await play();
    const { status, headers, text } = await runtime.take();
    expect({ status, event: JSON.parse(text) }).toEqual({ status: 200, event: invocation.event });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': 'request-1',
      'lambda-runtime-deadline-ms': '1800000000123',
      'lambda-runtime-invoked-function-arn': invocation.functionArn,
      'lambda-runtime-trace-id': invocation.traceId,
    });
  });

  test('is the same one again for a runtime that has not answered', async () => {
    const runtime = await play();
    await runtime.take();
    const { headers } = await runtime.send('GET', NEXT);
    expect(headers['lambda-runtime-aws-request-id']).toBe('request-1');
    expect(runtime.idle()).toBe(1);
  });

  test('is refused while a response is under way', async () => {
    const runtime = await play();
    await runtime.take();
    const response = runtime.begin('POST', `${INVOCATION}/request-1/response`, STREAMING);
    const first = runtime.nextChunk();
    response.write('first');
    await first;
    const { status, text } = await runtime.send('GET', NEXT);
    expect(status).toBe(403);
    expect(JSON.parse(text)).toMatchObject({ errorType: 'InvalidStateTransition' });
  });

  test('is not given to a runtime that did not ask', async () => {
    const runtime = await play();
    const receiver = { begin: () => {}, chunk: () => {}, end: () => {} };
    expect(() => runtime.api.deliver(invocation, receiver)).toThrow('The runtime is starting');
  });

  test('is asked for again after a response', async () => {
    const runtime = await play();
    await runtime.take();
    await runtime.send('POST', `${INVOCATION}/request-1/response`, '{}');
    await runtime.take();
    expect(runtime.idle()).toBe(2);
  });
});

describe('a response', () => {
  test('that is streamed is handed on while it comes', async () => {
    const runtime = await play();
    await runtime.take();
    const response = runtime.begin('POST', `${INVOCATION}/request-1/response`, STREAMING);
    const first = runtime.nextChunk();
    response.write('first,');
    expect(await first).toBe('first,');
    response.end('second');
    expect((await readReply(response)).status).toBe(202);
    expect(await runtime.ended).toBe('whole');
    expect(runtime.text()).toBe('first,second');
    expect(runtime.heads).toEqual([{ streaming: true, contentType: STREAMING['content-type'] }]);
  });

  test('that is not streamed comes in one piece', async () => {
    const runtime = await play();
    await runtime.take();
    const type = { 'content-type': 'application/json' };
    const { status } = await runtime.send('POST', `${INVOCATION}/request-1/response`, '{"statusCode":200}', type);
    expect(status).toBe(202);
    expect(await runtime.ended).toBe('whole');
    expect(runtime.text()).toBe('{"statusCode":200}');
    expect(runtime.heads).toEqual([{ streaming: false, contentType: 'application/json' }]);
  });

  test('that is not streamed and larger than 6 MB is refused with 413', async () => {
    const runtime = await play();
    await runtime.take();
    const { status } = await runtime.send('POST', `${INVOCATION}/request-1/response`, 'x'.repeat(6 * 1024 * 1024 + 1));
    expect(status).toBe(413);
    expect(await runtime.ended).toMatchObject({ type: 'Function.ResponseSizeTooLarge' });
    expect(runtime.heads).toEqual([]);
  });

  test('whose trailers name an error has failed after what it brought', async () => {
    const runtime = await play();
    await runtime.take();
    const response = runtime.begin('POST', `${INVOCATION}/request-1/response`, STREAMING);
    const error = { errorType: 'TypeError', errorMessage: 'in the middle', trace: ['x'.repeat(40_000)] };
    response.write('half an');
    response.addTrailers({
      'Lambda-Runtime-Function-Error-Type': 'TypeError',
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(error)).toString('base64'),
    });
    response.end();
    expect((await readReply(response)).status).toBe(202);
    expect(await runtime.ended).toEqual({ type: 'TypeError', message: 'in the middle' });
    expect(runtime.text()).toBe('half an');
  });

  test('whose connection breaks has failed', async () => {
    const runtime = await play();
    await runtime.take();
    const response = runtime.begin('POST', `${INVOCATION}/request-1/response`, STREAMING);
    const first = runtime.nextChunk();
    response.write('half an');
    await first;
    response.destroy();
    expect(await runtime.ended).toMatchObject({ type: 'Runtime.TruncatedResponse' });
  });

  test('to another invocation is refused with 400', async () => {
    const runtime = await play();
    await runtime.take();
    const { status, text } = await runtime.send('POST', `${INVOCATION}/request-2/response`, '{}');
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ errorType: 'InvalidRequestID' });
  });

  test('that comes a second time is refused with 403', async () => {
    const runtime = await play();
    await runtime.take();
    await runtime.send('POST', `${INVOCATION}/request-1/response`, 'first');
    const { status } = await runtime.send('POST', `${INVOCATION}/request-1/response`, 'second');
    expect(status).toBe(403);
    expect(runtime.text()).toBe('first');
  });
});

describe('an error', () => {
  test('of an invocation is its end', async () => {
    const runtime = await play();
    await runtime.take();
    const body = JSON.stringify({ errorType: 'RangeError', errorMessage: 'too far' });
    const type = { 'lambda-runtime-function-error-type': 'RangeError' };
    const { status } = await runtime.send('POST', `${INVOCATION}/request-1/error`, body, type);
    expect(status).toBe(202);
    expect(await runtime.ended).toEqual({ type: 'RangeError', message: 'too far' });
    expect(runtime.heads).toEqual([]);
  });

  test('while the function is loaded is the end of the runtime', async () => {
    const runtime = await play();
    const body = JSON.stringify({ errorType: 'SyntaxError', errorMessage: 'Unexpected token' });
    const type = { 'lambda-runtime-function-error-type': 'Runtime.UserCodeSyntaxError' };
    const { status } = await runtime.send('POST', '/2018-06-01/runtime/init/error', body, type);
    expect(status).toBe(202);
    expect(await runtime.initFailure).toEqual({ type: 'Runtime.UserCodeSyntaxError', message: 'Unexpected token' });
    expect((await runtime.send('GET', NEXT)).status).toBe(403);
  });
});

test('whatever is not of the Runtime API is not found', async () => {
  const runtime = await play();
  expect((await runtime.send('GET', '/2018-06-01/runtime/invocation/request-1/response')).status).toBe(404);
  expect((await runtime.send('POST', '/2020-01-01/extension/register')).status).toBe(404);
});
