import type { Context } from 'aws-lambda';
import type { Invocation, InvocationTrace } from '../../ports/invocation.ts';
import type { FunctionUrlEvent } from './event.ts';

/** What an environment knows about itself. */
export interface Environment {
  readonly name: string;
  /** True on the first call only. */
  takeCold(): boolean;
}

/** The environment that this module was loaded into; there is one module instance in each. */
export function currentEnvironment(): Environment {
  let cold = true;
  return {
    name: process.env['AWS_LAMBDA_LOG_STREAM_NAME'] ?? process.getBuiltinModule('node:crypto').randomUUID(),
    takeCold: () => {
      const wasCold = cold;
      cold = false;
      return wasCold;
    },
  };
}

/** `now` in milliseconds since the epoch. */
export function toInvocation(
  event: FunctionUrlEvent,
  context: Context,
  environment: Environment,
  now: number,
): Invocation {
  return { ...toScheduledInvocation(context, environment, now), arrivedAt: event.requestContext.timeEpoch };
}

/** Of an invocation by a schedule; `now` in milliseconds since the epoch. */
export function toScheduledInvocation(context: Context, environment: Environment, now: number): Invocation {
  return {
    requestId: context.awsRequestId,
    trace: currentTrace(),
    environment: environment.name,
    cold: environment.takeCold(),
    arrivedAt: now,
    endsAt: now + context.getRemainingTimeInMillis(),
  };
}

/** The platform sets the variable anew for every invocation: `Root=1-...;Parent=...;Sampled=0`. */
function currentTrace(): InvocationTrace | undefined {
  const header = process.env['_X_AMZN_TRACE_ID'] ?? '';
  const id = /(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?=[;\s]|$)/.exec(header)?.[1];
  if (id === undefined) return undefined;
  const parent = /(?:^|;)\s*Parent=([0-9a-f]{16})(?=[;\s]|$)/.exec(header)?.[1];
  return { id, parent, sampled: /(?:^|;)\s*Sampled=1(?=[;\s]|$)/.test(header) };
}
