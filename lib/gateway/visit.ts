/** One HTTP request on its way through the gateway. */
import { ActionRecorder, type ActionSubject } from '../delivery/action.ts';
import type { Timing } from '../delivery/timing.ts';
import type { Invocation } from '../ports/invocation.ts';
import type { Span } from '../ports/tracer.ts';
import type { HttpRequest } from '../protocol/http.ts';
import { newCost } from '../upstream/fault.ts';
import { Work, type Shared } from './work.ts';

export class Visit extends Work {
  readonly request: HttpRequest;
  /** Resources that have changed by the word of an upstream and have not been kept for the client yet, by upstream. */
  readonly updated = new Map<string, Set<string>>();
  /** What its answer waits for at upstreams, whichever of its messages it is for. */
  readonly awaited = newCost();
  /** Where the time went until the last of what its answer waits for was there; undefined until any of it is. */
  timing: Timing | undefined;

  constructor(shared: Shared, request: HttpRequest, invocation: Invocation) {
    super(shared, invocation, 'gateway', request.headers);
    this.request = request;
  }

  /** Starts the log line of one message; `span` is that of what is done for it, and ends with it. */
  record(subject: ActionSubject, span: Span): ActionRecorder {
    const { ports, invocation, storeTally, arrivedAt, began } = this;
    return new ActionRecorder(ports, invocation, subject, storeTally, span, arrivedAt, began);
  }
}
