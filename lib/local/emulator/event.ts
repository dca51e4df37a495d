import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FunctionUrlEvent } from '../../adapters/lambda/event.ts';
import type { InvocationFrame } from './frames.ts';

/** A function never learns by what name its client reached it: it is always told its own. */
const API_ID = 'sluicelocal';
const DOMAIN_NAME = `${API_ID}.lambda-url.local.on.aws`;

/** Bodies of these types are delivered as they are if they are UTF-8, all others in base64. */
const TEXT_TYPE = /^(?:text\/[^;\s]+|application\/(?:json|javascript|xml|[^;\s]+\+(?:json|xml)))\s*(?:;|$)/i;
const TRACE_ROOT = /(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})\s*(?:;|$)/;
const NOT_SAMPLED = /(?:^|;)\s*Sampled=0\s*(?:;|$)/;

/** Who signs requests where they must be signed: on one's own machine there is nobody else. */
const SIGNER = {
  accessKey: 'local',
  accountId: '000000000000',
  callerId: 'local',
  cognitoIdentity: null,
  principalOrgId: 'o-local',
  userArn: 'arn:aws:iam::000000000000:user/local',
  userId: 'local',
};

/** What is set for the function URL, and not by its caller. */
export interface UrlSettings {
  /** It takes signed requests only; every request then counts as signed by one local user. */
  readonly isSigned: boolean;
  /** Invocations are traced, unless their callers say otherwise. */
  readonly isTraced: boolean;
}

/** A request as a function URL hands it over (payload format 2.0). `arrived` is when the platform took it in. */
export function toInvocation(
  request: IncomingMessage,
  body: Buffer,
  arrived: Date,
  { isSigned, isTraced }: UrlSettings,
): Omit<InvocationFrame, 'endsAt'> {
  const requestId = randomUUID();
  const trace = traceOf(request.headers['x-amzn-trace-id'], arrived, isTraced);
  const [rawPath = '/', rawQueryString = ''] = splitOnce(request.url ?? '/', '?');
  const method = request.method ?? 'GET';
  const sourceIp = request.socket.remoteAddress ?? '127.0.0.1';
  const cookies = request.headers.cookie?.split(/;\s*/).filter((cookie) => cookie !== '');
  const event: FunctionUrlEvent = {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookies !== undefined && { cookies }),
    headers: {
      ...eventHeaders(request.headers),
      host: DOMAIN_NAME,
      'x-amzn-trace-id': trace.root,
      'x-forwarded-for': sourceIp,
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
    },
    ...(rawQueryString !== '' && { queryStringParameters: queryOf(rawQueryString) }),
    requestContext: {
      accountId: 'anonymous',
      apiId: API_ID,
      domainName: DOMAIN_NAME,
      domainPrefix: API_ID,
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp, userAgent: request.headers['user-agent'] ?? '' },
      requestId,
      routeKey: '$default',
      stage: '$default',
      time: arrived.toUTCString(),
      timeEpoch: arrived.getTime(),
      ...(isSigned && { authorizer: { iam: SIGNER } }),
    },
    ...eventBody(body, request.headers['content-type']),
  };
  return { event, requestId, traceHeader: trace.header };
}

/** Several values of one header arrive joined by commas; cookies have a place of their own. */
function eventHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const { cookie: _cookie, connection: _connection, ...others } = headers;
  const joined = Object.entries(others).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(',') : value]],
  );
  return Object.fromEntries(joined);
}

/**
 * Bytes that are no UTF-8 are delivered in base64 whatever their type says: as text they would reach the function
 * changed, and it could not tell.
 */
function eventBody(body: Buffer, contentType = ''): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  const text = TEXT_TYPE.test(contentType) ? decode(body) : undefined;
  return text === undefined
    ? { body: body.toString('base64'), isBase64Encoded: true }
    : { body: text, isBase64Encoded: false };
}

/** Undefined for bytes that are no UTF-8. A byte order mark is text like any other, for the function to judge. */
function decode(body: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

function queryOf(rawQueryString: string): Record<string, string> {
  const query = new URLSearchParams(rawQueryString);
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).join(',')]));
}

/**
 * The client's own trace goes on, and is left alone if the client wants it so; without one, the platform begins one. The
 * parent of what the function records is a segment that the platform makes of the invocation.
 */
function traceOf(
  header: string | string[] | undefined,
  arrived: Date,
  isTraced: boolean,
): { readonly root: string; readonly header: string } {
  const asked = String(header ?? '');
  const seconds = Math.floor(arrived.getTime() / 1000).toString(16);
  const root = `Root=${TRACE_ROOT.exec(asked)?.[1] ?? `1-${seconds}-${randomBytes(12).toString('hex')}`}`;
  const sampled = isTraced && !NOT_SAMPLED.test(asked) ? 1 : 0;
  return { root, header: `${root};Parent=${randomBytes(8).toString('hex')};Sampled=${sampled}` };
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
