/** What a trace tells of one request to an upstream: how long it connected, waited for the first byte, and read. */
import type { Span, TransportWatch, UpstreamHttpRequest } from '../ports.ts';
import { memberText } from '../protocol/json-text.ts';
import { parseJson } from '../protocol/message.ts';
import type { UpstreamTally } from './fault.ts';

/** Part of the call whose tally it is. Ends with the response, or where the request is given up. */
export function beginRequestSpan({ name }: { readonly name: string }, { span }: Pick<UpstreamTally, 'span'>): Span {
  const own = span.begin(`upstream ${name}`, 'remote');
  own.annotate({ upstream: name });
  return own;
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

/** Of a JSON-RPC message that the gateway wrote; null for what is none, and for answers. */
function methodIn(body: string): string | null {
  const method = body === '' ? undefined : parseJson(memberText(body, 'method') ?? '');
  return typeof method === 'string' ? method : null;
}
