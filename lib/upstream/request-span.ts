/**
 * One request to an upstream as a part of a trace: how long it connected, waited for the first byte, and read; and what it
 * tells the upstream, so that what is done there is part of the trace as well.
 */
import type { UpstreamConfig } from '../config/schema.ts';
import type { Span } from '../ports/tracer.ts';
import type { TransportFailure, TransportWatch, UpstreamHttpRequest } from '../ports/transport.ts';
import type { UpstreamHttpResponse, UpstreamTransport } from '../ports/transport.ts';
import { memberText } from '../protocol/json-text.ts';
import { parseJson } from '../protocol/message.ts';
import { NO_CONTEXT, outgoingContext, withoutBaggage } from '../protocol/trace-context.ts';
import type { Ancestry, OutgoingContext } from '../protocol/trace-context.ts';
import type { UpstreamTally } from './fault.ts';

export interface RequestTrace {
  /** Ends with the response, or where the request is given up. */
  readonly span: Span;
  /** Names the span, where that is recorded. */
  readonly context: OutgoingContext;
}

interface Upstream {
  readonly name: string;
  readonly config: Pick<UpstreamConfig, 'traceContext'>;
}

/** What the request is part of, and what it continues. */
interface Descent {
  readonly tally: Pick<UpstreamTally, 'span'>;
  readonly ancestry: Ancestry | undefined;
}

/** A request that a client asked for, as part of the call whose tools these are. */
export function beginRequest({ name, config }: Upstream, { tally, ancestry }: Descent): RequestTrace {
  const span = tally.span.begin(`upstream ${name}`, 'remote');
  span.annotate({ upstream: name });
  // A trace that has become too large goes on with the span of the call.
  const context = config.traceContext ? outgoingContext(ancestry, span.id ?? tally.span.id) : NO_CONTEXT;
  return { span, context };
}

/** A request that the gateway makes by itself, on the way. */
export function beginOwnRequest(upstream: Upstream, { tally, ancestry }: Descent): RequestTrace {
  return beginRequest(upstream, { tally, ancestry: withoutBaggage(ancestry) });
}

type Sent = UpstreamHttpResponse | TransportFailure;

/**
 * Sends the request. Its span is divided into phases, and ends with the response, or where there is none: a transport that
 * never comes to send has nothing to tell its watch.
 */
export function sendWatched(transport: UpstreamTransport, request: UpstreamHttpRequest, span: Span): Promise<Sent> {
  return span.id === undefined ? transport.send(request) : sendRecorded(transport, request, watchOf(request, span));
}

async function sendRecorded(
  transport: UpstreamTransport,
  request: UpstreamHttpRequest,
  watch: TransportWatch,
): Promise<Sent> {
  let sent: Sent | undefined;
  try {
    sent = await transport.send({ ...request, watch });
    return sent;
  } finally {
    if (sent?.kind !== 'response') watch.ended();
  }
}

function watchOf({ method, body }: UpstreamHttpRequest, span: Span): TransportWatch {
  span.annotate({ http_method: method, method: methodIn(body) });
  let phase = span.begin('connect');
  const next = (name: string): void => {
    phase.end();
    phase = span.begin(name);
  };
  return {
    connected: (isNew) => {
      span.annotate({ new_connection: isNew });
      next('first byte');
    },
    responded: (status) => {
      span.annotate({ http_status: status });
      if (status >= 400) span.fail(status === 429 ? 'throttle' : status < 500 ? 'error' : 'fault');
      next('body');
    },
    ended: () => {
      phase.end();
      span.end();
    },
  };
}

/** Of a JSON-RPC message that the gateway wrote; null for answers, and for the requests without a body. */
function methodIn(body: string): string | null {
  if (body === '') return null;
  const method = parseJson(memberText(body, 'method') ?? '');
  return typeof method === 'string' ? method : null;
}
