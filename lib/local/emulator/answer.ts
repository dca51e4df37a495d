import type { ServerResponse } from 'node:http';
import type { AnswerSink } from './environment.ts';

/** Kept by the platform: a function that returns a header with this beginning gets a bare 500 instead. */
const PLATFORM_PREFIX = 'x-amzn-remapped-';

/** Headers that the platform renames on the way out. */
const RENAMED = new Set(['www-authenticate']);

interface Prelude {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
}

/** Answers in the platform's own name. */
export function refuse(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/**
 * Sends an environment's answer to an HTTP client as a function URL does. A client that has gone away is not reported
 * to anybody: the answer is taken from the environment all the same.
 */
export function createAnswerSink(response: ServerResponse, requestId: string): AnswerSink {
  /** Chunks handed to the connection and not written yet; each is to be released once. */
  const held = new Set<() => void>();
  /** Once true, what still comes is dropped. */
  let deaf = response.destroyed;

  response.on('close', () => {
    deaf = true;
    for (const release of held) release();
    held.clear();
  });
  // A broken connection is what `close` tells.
  response.on('error', () => undefined);

  const fail = (status: number) => {
    deaf = true;
    refuse(response, status, 'Internal Server Error');
  };

  return {
    head(prelude) {
      if (deaf) return;
      const headers = answerHeaders(JSON.parse(prelude) as Prelude, requestId);
      if (headers === undefined) return fail(500);
      try {
        response.writeHead(headers.status, headers.fields);
      } catch {
        return fail(502);
      }
      batch(response);
      response.flushHeaders();
    },
    chunk(data, taken) {
      if (deaf) return taken();
      const release = () => {
        if (held.delete(release)) taken();
      };
      held.add(release);
      batch(response);
      response.write(data, release);
    },
    end() {
      if (deaf) return;
      // The platform sends nothing when the function wrote nothing, not even a status.
      if (response.headersSent) response.end();
      else response.socket?.destroy();
    },
    broken() {
      if (deaf) return;
      // What the function had written leaves first; then the connection ends without the end of the body.
      if (response.headersSent) response.socket?.destroySoon();
      else fail(502);
    },
  };
}

/** What is written within one turn of the event loop leaves in one packet. */
function batch({ socket }: ServerResponse): void {
  if (socket === null || socket.writableCorked > 0) return;
  socket.cork();
  setImmediate(() => socket.uncork());
}

/** Undefined when the function used a name that the platform keeps for itself. */
function answerHeaders(
  { statusCode, headers = {}, cookies = [] }: Prelude,
  requestId: string,
): { status: number; fields: string[] } | undefined {
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  if (names.some((name) => name.startsWith(PLATFORM_PREFIX))) return undefined;
  const returned = Object.entries(headers).map(([name, value]): [string, string] => [outgoingName(name), value]);
  const set = cookies.map((cookie): [string, string] => ['set-cookie', cookie]);
  return { status: statusCode, fields: [...returned, ...set, ['x-amzn-requestid', requestId]].flat() };
}

function outgoingName(name: string): string {
  return RENAMED.has(name.toLowerCase()) ? `${PLATFORM_PREFIX}${name.toLowerCase()}` : name;
}
