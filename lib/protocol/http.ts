/**
 * HTTP with no runtime in it: the shapes the core speaks, so that a Lambda function URL, a plain Node server and a test
 * are thin entries over the same function. The platform's own `Request` and `Response` are not used because loading
 * them costs a cold environment about 20 ms.
 */

/** Header names are lower case; a header that came several times is joined with a comma and a space. */
export type HttpHeaders = Readonly<Record<string, string>>;

export interface HttpRequest {
  readonly method: string;
  /** The path as received: percent-encoding kept, no query. */
  readonly path: string;
  readonly headers: HttpHeaders;
  /** The body as text, decoded as UTF-8. Empty when there was none. */
  readonly body: string;
  /** Size of the body on the wire, in bytes. */
  readonly bodyBytes: number;
  /** Who signed the request, by the word of the platform that has checked the signature; absent when nobody did. */
  readonly signer?: string;
  /** Aborted when the platform saw the client go. A function URL never sees it, so there it is absent. */
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** A whole body, or chunks of one as they become ready. Iterating never throws: a stream states its own end. */
  readonly body: string | AsyncIterable<string>;
  /**
   * Work that outlives the answer, such as telling an upstream that a call was cancelled. The platform entry calls it
   * once, after the body has been sent, and keeps the invocation open until it settles. It never rejects.
   */
  readonly after: () => Promise<void>;
}
