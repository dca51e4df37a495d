/** A secret that is kept elsewhere. The core knows its name and never its value, which only the transport reads. */
export interface SecretReference {
  readonly secret: string;
  readonly store: 'secretsmanager' | 'ssm';
  /** The member of a JSON object that is meant; absent when the secret is the value itself. */
  readonly key?: string;
  /** Goes before it in the header. */
  readonly prefix?: string;
}

export interface UpstreamHttpRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string | SecretReference>>;
  readonly body: string;
  /** Limit for name resolution, TCP and TLS together, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Aborting closes the connection, whatever phase it is in. */
  readonly signal: AbortSignal;
  /** Told how far the request has come; left out when nobody wants to know. */
  readonly watch?: TransportWatch;
}

/** Called at the moments it tells of, in this order. Whatever happens, `ended` comes last; it may come again. */
export interface TransportWatch {
  /** A connection stands, new or kept from an earlier request: the request is written from now on. */
  connected(isNew: boolean): void;
  /** The head of the response is there. */
  responded(status: number): void;
  /** The body has ended, or the request has failed or was given up: nothing more comes. */
  ended(): void;
}

export interface UpstreamHttpResponse {
  readonly kind: 'response';
  readonly status: number;
  /** Names are lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Throws when the connection breaks or the signal aborts before the end. Must be drained, or closed. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up the rest of the body and the connection. Harmless after the end. */
  close(): void;
}

/** No response: why, and whether the request may have reached the upstream. */
export interface TransportFailure {
  readonly kind: 'failure';
  readonly cause: 'unreachable' | 'connect-timeout' | 'reset' | 'aborted' | 'secret-unavailable';
  /** False only when it is certain that no byte of the request was taken. */
  readonly sent: boolean;
}

/** HTTP to an upstream. Redirects are returned as they are, never followed. */
export interface UpstreamTransport {
  readonly send: (request: UpstreamHttpRequest) => Promise<UpstreamHttpResponse | TransportFailure>;
}
