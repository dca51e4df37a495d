import type { PlatformTrace } from '../protocol/trace-context.ts';

/** One invocation of the platform: which environment runs it and when it will be ended by force. */
export interface Invocation {
  readonly requestId: string;
  /** Undefined where nothing traces. */
  readonly trace: InvocationTrace | undefined;
  /** Names the execution environment, for the action log. */
  readonly environment: string;
  /** True for the first invocation of an environment. */
  readonly cold: boolean;
  /** When the platform took the request in, milliseconds since the epoch: before it had an environment for it. */
  readonly arrivedAt: number;
  /** When the platform ends this invocation, milliseconds since the epoch; Infinity when it does not. */
  readonly endsAt: number;
}

/** The trace that an invocation belongs to, by the platform's word (X-Ray, "Tracing header"). */
export type InvocationTrace = PlatformTrace;
