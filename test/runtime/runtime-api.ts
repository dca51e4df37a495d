/**
 * Lambda's Runtime API, as a runtime of one execution environment sees it: it asks for an invocation, posts what becomes
 * of it, and asks for the next one. Which request is allowed when, and what else is answered, is as in AWS's own emulator
 * of the API, whose states these are.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DeliveredInvocation {
  readonly requestId: string;
  readonly traceId: string;
  readonly functionArn: string;
  /** When it is ended by force, in milliseconds since the epoch. */
  readonly endsAt: number;
  readonly event: object;
}

/** As the runtime describes it. */
export interface RuntimeFailure {
  readonly type: string;
  readonly message: string;
}

export interface ResponseHead {
  /** Whether the runtime streams; otherwise its one chunk is the whole response. */
  readonly streaming: boolean;
  readonly contentType: string;
}

/** Takes what the runtime makes of an invocation: perhaps a response, of which chunks come in order, and always an end. */
export interface ResponseReceiver {
  begin(head: ResponseHead): void;
  /** The next one is read once `taken` was called. */
  chunk(bytes: Buffer, taken: () => void): void;
  /** Undefined when the response is whole. What has begun is broken off by a failure. */
  end(failure: RuntimeFailure | undefined): void;
}

/** What the runtime tells of itself. */
export interface RuntimeEvents {
  /** It asks for an invocation: the first time when the function is loaded, then each time it is done with one. */
  onIdle(): void;
  /** The function could not be loaded. */
  onInitFailure(failure: RuntimeFailure): void;
}

export interface RuntimeApi {
  /** Host and port, the value of `AWS_LAMBDA_RUNTIME_API`. */
  readonly address: string;
  /** To a runtime that is idle. */
  deliver(invocation: DeliveredInvocation, receiver: ResponseReceiver): void;
  close(): void;
}

/** The most that a response may have that is not streamed, in bytes. */
const LARGEST_RESPONSE = 6 * 1024 * 1024;

const INVOCATION = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/;

type State = 'starting' | 'idle' | 'running' | 'responding' | 'responded' | 'unusable';

interface Under {
  readonly invocation: DeliveredInvocation;
  readonly receiver: ResponseReceiver;
}

/** On 127.0.0.1, at a free port. */
export async function startRuntimeApi(events: RuntimeEvents): Promise<RuntimeApi> {
  const session = new Session(events);
  // An error is described in headers or trailers, which hold a stack trace.
  const server = createServer({ maxHeaderSize: 1024 * 1024 }, (request, response) => session.serve(request, response));
  // A connection is not closed while its runtime is frozen, and a response takes as long as its invocation.
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    deliver: (invocation, receiver) => session.deliver(invocation, receiver),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

class Session {
  readonly #events: RuntimeEvents;
  #state: State = 'starting';
  #under: Under | undefined;
  /** The request for the next invocation, while there is none. */
  #asking: ServerResponse | undefined;

  constructor(events: RuntimeEvents) {
    this.#events = events;
  }

  deliver(invocation: DeliveredInvocation, receiver: ResponseReceiver): void {
    if (this.#state !== 'idle' || this.#asking === undefined) throw new Error(`The runtime is ${this.#state}`);
    this.#state = 'running';
    this.#under = { invocation, receiver };
    sendInvocation(this.#asking, invocation);
    this.#asking = undefined;
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    // A connection that breaks is what the end of the response, or of the process, tells.
    response.on('error', () => undefined);
    const [, id, outcome] = INVOCATION.exec(request.url ?? '') ?? [];
    const route = `${request.method} ${request.url}`;
    if (route === 'GET /2018-06-01/runtime/invocation/next') this.#next(request, response);
    else if (route === 'POST /2018-06-01/runtime/init/error') void this.#initError(request, response);
    else if (request.method !== 'POST' || id === undefined) refuse(request, response, 404, 'NotFound', 'No such page');
    else if (this.#state !== 'running') this.#forbid(request, response, outcome);
    else if (decodeURIComponent(id) !== this.#under?.invocation.requestId) refuseId(request, response);
    else void this.#take(request, response, outcome === 'error');
  }

  #next(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (this.#state === 'running' && this.#under !== undefined) return sendInvocation(response, this.#under.invocation);
    if (this.#state === 'responding' || this.#state === 'unusable') return this.#forbid(request, response, 'next');
    this.#asking = response;
    if (this.#state === 'idle') return;
    this.#state = 'idle';
    this.#under = undefined;
    this.#events.onIdle();
  }

  async #initError(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#state !== 'starting') return this.#forbid(request, response, 'init/error');
    this.#state = 'unusable';
    const body = await readWhole(request);
    accept(response);
    this.#events.onInitFailure(body === undefined ? truncated() : toFailure(body, errorType(request)));
  }

  async #take(request: IncomingMessage, response: ServerResponse, isError: boolean): Promise<void> {
    const { receiver } = this.#under!;
    this.#state = 'responding';
    const failure = isError ? await readError(request) : await readResponse(request, receiver);
    this.#state = 'responded';
    if (failure?.type === 'Function.ResponseSizeTooLarge')
      refuse(request, response, 413, failure.type, failure.message);
    else accept(response);
    receiver.end(failure);
  }

  #forbid(request: IncomingMessage, response: ServerResponse, what = 'that'): void {
    refuse(
      request,
      response,
      403,
      'InvalidStateTransition',
      `${what} is not allowed of a runtime that is ${this.#state}`,
    );
  }
}

async function readError(request: IncomingMessage): Promise<RuntimeFailure> {
  const body = await readWhole(request);
  return body === undefined ? truncated() : toFailure(body, errorType(request));
}

/** What it failed of, if it is not whole. */
function readResponse(request: IncomingMessage, receiver: ResponseReceiver): Promise<RuntimeFailure | undefined> {
  const streaming = request.headers['lambda-runtime-function-response-mode'] === 'streaming';
  const contentType = request.headers['content-type'] ?? 'application/octet-stream';
  return streaming
    ? readStream(request, receiver, { streaming, contentType })
    : readBuffered(request, receiver, { streaming, contentType });
}

async function readStream(
  request: IncomingMessage,
  receiver: ResponseReceiver,
  head: ResponseHead,
): Promise<RuntimeFailure | undefined> {
  receiver.begin(head);
  try {
    for await (const chunk of request) await new Promise<void>((taken) => receiver.chunk(chunk as Buffer, taken));
  } catch {
    return truncated();
  }
  const { trailers } = request;
  const type = trailers['lambda-runtime-function-error-type'];
  if (type === undefined) return undefined;
  return toFailure(Buffer.from(trailers['lambda-runtime-function-error-body'] ?? '', 'base64'), type);
}

async function readBuffered(
  request: IncomingMessage,
  receiver: ResponseReceiver,
  head: ResponseHead,
): Promise<RuntimeFailure | undefined> {
  const body = await readWhole(request);
  if (body === undefined) return truncated();
  if (body.length > LARGEST_RESPONSE) {
    const message = `Exceeded maximum allowed payload size (${LARGEST_RESPONSE} bytes).`;
    return { type: 'Function.ResponseSizeTooLarge', message };
  }
  receiver.begin(head);
  await new Promise<void>((taken) => receiver.chunk(body, taken));
  return undefined;
}

/** Undefined when it broke off. */
async function readWhole(request: IncomingMessage): Promise<Buffer | undefined> {
  try {
    return Buffer.concat(await request.toArray());
  } catch {
    return undefined;
  }
}

function truncated(): RuntimeFailure {
  return { type: 'Runtime.TruncatedResponse', message: 'The runtime broke its request off' };
}

function errorType(request: IncomingMessage): string {
  return String(request.headers['lambda-runtime-function-error-type'] ?? 'Runtime.Unknown');
}

/** `body` is `{"errorType", "errorMessage"}`, or something else that a runtime made up. */
function toFailure(body: Buffer, type: string): RuntimeFailure {
  const text = body.toString();
  try {
    const { errorMessage } = JSON.parse(text) as { errorMessage?: unknown };
    return { type, message: typeof errorMessage === 'string' ? errorMessage : text };
  } catch {
    return { type, message: text };
  }
}

function sendInvocation(response: ServerResponse, invocation: DeliveredInvocation): void {
  const body = JSON.stringify(invocation.event);
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Lambda-Runtime-Aws-Request-Id': invocation.requestId,
    'Lambda-Runtime-Deadline-Ms': String(invocation.endsAt),
    'Lambda-Runtime-Invoked-Function-Arn': invocation.functionArn,
    'Lambda-Runtime-Trace-Id': invocation.traceId,
  });
  response.end(body);
}

function accept(response: ServerResponse): void {
  sendJson(response, 202, { status: 'OK' });
}

function refuseId(request: IncomingMessage, response: ServerResponse): void {
  refuse(request, response, 400, 'InvalidRequestID', 'Invalid request ID');
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: string,
  message: string,
): void {
  request.resume();
  sendJson(response, status, { errorType: type, errorMessage: message });
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
