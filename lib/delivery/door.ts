/** The door: what can be judged of an HTTP request before its body is read. */
import { fail, succeed, type Result } from '../errors.ts';
import type { HttpRequest } from '../protocol/http.ts';
import { readAccept, type Acceptance } from './response.ts';

/** What a request wants, by its method and path; `S` is a virtual server. */
export type Door<S> =
  | { readonly kind: 'landing' }
  | { readonly kind: 'preflight' }
  | { readonly kind: 'terminate'; readonly server: S }
  /** A legacy client asks for a stream beside its calls, or for the rest of one that broke. */
  | { readonly kind: 'listen'; readonly server: S }
  | { readonly kind: 'message'; readonly server: S; readonly accept: Acceptance };

/** The virtual server at `/mcp`. */
const DEFAULT_SERVER = 'default';

export function openDoor<S>(
  request: HttpRequest,
  servers: ReadonlyMap<string, S>,
  maxRequestBytes: number,
): Result<Door<S>> {
  const { method, path } = request;
  if (path === '/') {
    const reads = method === 'GET' || method === 'HEAD';
    return reads ? succeed({ kind: 'landing' }) : fail({ kind: 'method-not-allowed', allow: 'GET, HEAD' });
  }
  const server = servers.get(serverAt(path) ?? '');
  if (server === undefined) return fail({ kind: 'not-found' });
  switch (method) {
    case 'OPTIONS':
      return succeed({ kind: 'preflight' });
    case 'DELETE':
      return succeed({ kind: 'terminate', server });
    case 'GET':
      return readAccept(request.headers['accept'])?.eventStream === true
        ? succeed({ kind: 'listen', server })
        : fail({ kind: 'not-acceptable' });
    case 'POST':
      return openForMessage(request, server, maxRequestBytes);
    default:
      return fail({ kind: 'method-not-allowed', allow: 'GET, POST, DELETE' });
  }
}

function openForMessage<S>(request: HttpRequest, server: S, maxRequestBytes: number): Result<Door<S>> {
  if (request.bodyBytes > maxRequestBytes) return fail({ kind: 'request-too-large', limitBytes: maxRequestBytes });
  const contentType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (contentType !== 'application/json') return fail({ kind: 'unsupported-media-type' });
  const accept = readAccept(request.headers['accept']);
  return accept === undefined ? fail({ kind: 'not-acceptable' }) : succeed({ kind: 'message', server, accept });
}

/** `/mcp` is the default virtual server, `/mcp/<name>` any; one slash at the end changes nothing. */
function serverAt(path: string): string | undefined {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  if (trimmed === '/mcp') return DEFAULT_SERVER;
  return /^\/mcp\/([^/]+)$/.exec(trimmed)?.[1];
}
