/** A function URL's event (payload format 2.0) and what a handler returns that streams, as the core's request and response. */
import type { LambdaFunctionURLEvent, LambdaFunctionURLEventWithIAMAuthorizer } from 'aws-lambda';
import type { HttpHeaders, HttpRequest, HttpResponse } from '../../protocol/http.ts';
import { toBodyText } from '../body-text.ts';
import { returnableHeaders } from './headers.ts';

/** What a handler in `streamingMode` returns. */
export interface StreamingResult {
  readonly statusCode: number;
  readonly headers: HttpHeaders;
  readonly cookies?: string[];
  readonly body: HttpResponse['body'];
}

/** As a function URL hands it over: where it takes signed requests only, with who signed it. */
export type FunctionUrlEvent = LambdaFunctionURLEvent | LambdaFunctionURLEventWithIAMAuthorizer;

/** Undefined when the body is no UTF-8. */
export function toHttpRequest(event: FunctionUrlEvent): HttpRequest | undefined {
  const sent = event.body ?? '';
  const delivered = event.isBase64Encoded ? Buffer.from(sent, 'base64') : sent;
  const body = toBodyText(delivered);
  if (body === undefined) return undefined;
  const signer = signerOf(event);
  return {
    method: event.requestContext.http.method,
    path: event.rawPath,
    headers: requestHeaders(event),
    body,
    bodyBytes: Buffer.byteLength(delivered),
    ...(signer !== undefined && { signer }),
  };
}

/** The unique id of the user, or of the role and its session: an ARN may mean somebody else once its user is deleted. */
function signerOf({ requestContext }: FunctionUrlEvent): string | undefined {
  return 'authorizer' in requestContext ? requestContext.authorizer?.iam?.userId || undefined : undefined;
}

/** Names in lower case; cookies, which the platform takes out, where they were. */
function requestHeaders({ headers, cookies }: FunctionUrlEvent): HttpHeaders {
  const sent = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name.toLowerCase(), value]],
  );
  const cookie: [string, string][] = cookies?.length ? [['cookie', cookies.join('; ')]] : [];
  return Object.fromEntries([...sent, ...cookie]);
}

export function toStreamingResult({ status, headers, body }: HttpResponse): StreamingResult {
  const { 'set-cookie': cookie, ...others } = returnableHeaders(headers);
  return {
    statusCode: status,
    headers: others,
    ...(cookie !== undefined && { cookies: [cookie] }),
    body,
  };
}
