import type { Context } from 'aws-lambda';
import { toWire, type Failure } from '../../errors.ts';
import type { ActionLog } from '../../ports/action-log.ts';
import type { Invocation } from '../../ports/invocation.ts';
import type { HttpRequest, HttpResponse } from '../../protocol/http.ts';
import { errorText } from '../../protocol/message.ts';
import { toHttpRequest, toStreamingResult, type FunctionUrlEvent, type StreamingResult } from './event.ts';
import { currentEnvironment, toInvocation } from './invocation.ts';

/** The core, as `lib/gateway.ts` makes it. */
export type Gateway = (request: HttpRequest, invocation: Invocation) => Promise<HttpResponse>;

/** The two ends of an invocation, for middy. */
export interface FunctionUrl {
  handle(event: FunctionUrlEvent, context: Context): Promise<StreamingResult>;
  /** After the body was sent, or could not be: the work that outlives the answer. */
  requestEnd(request: { readonly response?: unknown }): Promise<void>;
}

/**
 * A function URL in front of the core. An exception that escapes the core, or a body, is a defect of the program: the
 * operator finds it in the log, and the client is told no more than that there was one. `publishMetrics` is called last,
 * when there is no more to be measured.
 */
export function createFunctionUrl(
  gateway: Gateway,
  actionLog: ActionLog,
  publishMetrics: (requestId: string, isColdStart: boolean) => Promise<void> = async () => undefined,
): FunctionUrl {
  const environment = currentEnvironment();
  const after = new WeakMap<object, () => Promise<void>>();

  async function answer(request: HttpRequest, invocation: Invocation): Promise<HttpResponse> {
    const report = (error: unknown) => actionLog.defect(invocation.requestId, error);
    try {
      const response = await gateway(request, invocation);
      return typeof response.body === 'string' ? response : { ...response, body: reporting(response.body, report) };
    } catch (error) {
      report(error);
      return refusal({ kind: 'internal' });
    }
  }

  return {
    async handle(event, context) {
      const invocation = toInvocation(event, context, environment, Date.now());
      const request = toHttpRequest(event);
      const response = request === undefined ? refusal({ kind: 'parse-error' }) : await answer(request, invocation);
      const result = toStreamingResult(response);
      after.set(result, async () => {
        try {
          await response.after();
        } finally {
          await publishMetrics(invocation.requestId, invocation.cold);
        }
      });
      return result;
    },
    async requestEnd({ response }) {
      if (typeof response === 'object' && response !== null) await after.get(response)?.();
    },
  };
}

/**
 * Nothing can be said on the wire when a body breaks off in the middle, so the log is the only place to say it. The
 * platform logs what it is thrown, so the exception itself does not reach it.
 */
async function* reporting(body: AsyncIterable<string>, report: (error: unknown) => void): AsyncGenerator<string> {
  try {
    yield* body;
  } catch (error) {
    report(error);
    // oxlint-disable-next-line preserve-caught-error -- its message may quote what no log may hold
    throw new Error('The answer broke off; the log has the defect under the same request id');
  }
}

/** An answer that the core has no part in. */
function refusal(failure: Failure): HttpResponse {
  const { status, headers, error } = toWire(failure);
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: errorText(undefined, error),
    after: async () => undefined,
  };
}
