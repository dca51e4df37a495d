/**
 * One request to an upstream as a part of a trace: how long it connected, waited for the first byte, and read; and what it
 * tells the upstream, so that what is done there is part of the trace as well.
 */
import type { UpstreamConfig } from '../config/schema.ts';
import type { Span } from '../ports/tracer.ts';
import type { TransportWatch, UpstreamHttpRequest } from '../ports/transport.ts';
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

/** The request, with a watch that divides its span into phases and ends it. */
export function watching(request: UpstreamHttpRequest, span: Span): UpstreamHttpRequest {
  return span.id === undefined ? request : { ...request, watch: watchOf(request, span) };
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
