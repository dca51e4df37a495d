/**
 * One execution environment, as a worker thread: the bundled function in a module graph of its own, and around it the
 * part of Lambda's Node.js runtime that response streaming needs. Between invocations the thread is blocked, and with
 * it its event loop, as a Lambda environment is frozen: no timer fires, no socket is read, no promise goes on.
 *
 * The function's code has the thread's `parentPort` for itself; nothing here uses it.
 */
import { Writable } from 'node:stream';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Context } from 'aws-lambda';
import { UNITS_UNDER_WAY } from './frames.ts';
import { captureLog } from './log-capture.ts';
import type { AnswerFrame, CreditFrame, EnvironmentData, InvocationFrame } from './frames.ts';

type Handler = (event: unknown, stream: ResponseStream, context: unknown) => unknown;

/** Marks a handler that streams, as Lambda's runtime marks it. */
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HTTP_RESPONSE = 'application/vnd.awslambda.http-integration-response';

const { handlerUrl, handlerExport, handedOver, invocations, answers, log } = workerData as EnvironmentData;
const handedOverCount = new Int32Array(handedOver);
let takenCount = 0;

function tell(frame: AnswerFrame, transfer: ArrayBuffer[] = []): void {
  answers.postMessage(frame, transfer);
}

/** What a handler writes its answer to. Quirks of the runtime's own stream are kept. */
class ResponseStream extends Writable {
  #contentType = 'application/octet-stream';
  #prelude: string | undefined;
  #started = false;
  /** The invocation is over; what is still written belongs to no answer. */
  #abandoned = false;
  #unitsUnderWay = 0;
  #whenCredited: (() => void) | undefined;

  constructor() {
    super({ decodeStrings: false });
  }

  setContentType(contentType: string): void {
    if (this.#started) throw new Error('Cannot set content-type, too late.');
    this.#contentType = contentType;
  }

  /** Status and headers, as JSON. They are sent with the first write: an end without a write sends nothing at all. */
  setPrelude(prelude: string): void {
    this.#prelude = prelude;
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    if (!this.#started) this.#start();
    const writable = typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
    return super.write(writable, ...(rest as []));
  }

  override _write(chunk: string | Uint8Array, _encoding: BufferEncoding, callback: () => void): void {
    this.#send(chunk);
    this.#unitsUnderWay += chunk.length;
    if (this.#unitsUnderWay < UNITS_UNDER_WAY || this.#abandoned) return callback();
    this.#whenCredited = callback;
  }

  override _final(callback: () => void): void {
    if (!this.#started && this.#contentType !== HTTP_RESPONSE) this.#start();
    this.#tell({ kind: 'end' });
    callback();
  }

  /** The runtime's own stream is a request to the platform, and when that breaks off nobody in its process handles it. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.writableFinished && !this.#abandoned) void Promise.reject(error ?? new Error('socket hang up'));
    callback(error);
  }

  credit(units: number): void {
    this.#unitsUnderWay -= units;
    const waiting = this.#whenCredited;
    if (waiting === undefined || this.#unitsUnderWay >= UNITS_UNDER_WAY) return;
    this.#whenCredited = undefined;
    waiting();
  }

  abandon(): void {
    this.#abandoned = true;
    this.credit(this.#unitsUnderWay);
  }

  #start(): void {
    this.#started = true;
    const plain = { statusCode: 200, headers: { 'content-type': this.#contentType } };
    this.#tell({ kind: 'head', prelude: this.#prelude ?? JSON.stringify(plain) });
  }

  #send(chunk: string | Uint8Array): void {
    if (chunk.length === 0) return;
    if (typeof chunk === 'string') return this.#tell({ kind: 'chunk', data: chunk });
    // A copy of its own: the buffer behind a chunk is often a pool that others share.
    const data = new Uint8Array(chunk);
    this.#tell({ kind: 'chunk', data }, [data.buffer]);
  }

  #tell(frame: AnswerFrame, transfer?: ArrayBuffer[]): void {
    if (!this.#abandoned) tell(frame, transfer);
  }
}

const awslambda = {
  streamifyResponse(handler: Handler): Handler {
    return Object.assign(handler, { [STREAMING]: 'response' });
  },
  HttpResponseStream: {
    from(stream: ResponseStream, prelude: unknown): ResponseStream {
      stream.setContentType(HTTP_RESPONSE);
      stream.setPrelude(JSON.stringify(prelude));
      return stream;
    },
  },
};

/**
 * Sleeps until an invocation is handed over. Before it, the event loop has a turn to finish what it has in hand, as
 * Lambda's runtime gives it one; after it, another one, in which what came due during the sleep happens first.
 */
function nextInvocation(): Promise<InvocationFrame> {
  return new Promise((resolve) => {
    setImmediate(() => {
      Atomics.wait(handedOverCount, 0, takenCount);
      takenCount += 1;
      const { message } = receiveMessageOnPort(invocations) as { message: InvocationFrame };
      setImmediate(resolve, message);
    });
  });
}

async function runHandler(
  handler: Handler,
  invocation: InvocationFrame,
  stream: ResponseStream,
): Promise<string | undefined> {
  try {
    await handler(invocation.event, stream, contextOf(invocation));
    await finished(stream);
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

/** A stream that nobody ends is waited for until the environment is killed at its timeout. */
function finished(stream: Writable): Promise<void> {
  if (stream.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('finish', resolve);
  });
}

function contextOf({ requestId, endsAt }: InvocationFrame): Partial<Context> {
  const variable = (name: string) => process.env[name] ?? '';
  const functionName = variable('AWS_LAMBDA_FUNCTION_NAME');
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName,
    functionVersion: variable('AWS_LAMBDA_FUNCTION_VERSION'),
    invokedFunctionArn: `arn:aws:lambda:${variable('AWS_REGION')}:000000000000:function:${functionName}`,
    memoryLimitInMB: variable('AWS_LAMBDA_FUNCTION_MEMORY_SIZE'),
    awsRequestId: requestId,
    logGroupName: variable('AWS_LAMBDA_LOG_GROUP_NAME'),
    logStreamName: variable('AWS_LAMBDA_LOG_STREAM_NAME'),
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function loadHandler(): Promise<Handler> {
  const module = (await import(handlerUrl)) as Record<string, unknown>;
  const handler = module[handlerExport] as Handler | undefined;
  if (typeof handler === 'function' && STREAMING in handler) return handler;
  throw new Error(`The export ${handlerExport} is not a handler that streams its response`);
}

async function serve(handler: Handler): Promise<never> {
  let stream: ResponseStream | undefined;
  answers.on('message', ({ invocation, units }: CreditFrame) => {
    if (invocation === takenCount) stream?.credit(units);
  });
  for (;;) {
    const invocation = await nextInvocation();
    process.env['_X_AMZN_TRACE_ID'] = invocation.traceHeader;
    stream = new ResponseStream();
    const failure = await runHandler(handler, invocation, stream);
    stream.abandon();
    tell({ kind: 'done', failure });
  }
}

async function start(): Promise<void> {
  try {
    const handler = await loadHandler();
    tell({ kind: 'ready' });
    await serve(handler);
  } catch (error) {
    tell({ kind: 'unusable', reason: describe(error) });
  }
}

if (log !== undefined) captureLog(log, (line) => tell({ kind: 'log', line }));
Object.assign(globalThis, { awslambda });
void start();
