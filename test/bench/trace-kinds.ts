/** How a call may be traced, for those who send it and those who serve it. */

/** With no tracer at all; with one, and not sampled; sampled, and sent to the daemon before the answer ends. */
export type Tracing = 'no tracer' | 'not sampled' | 'sampled';

/** The header by which a call says so to `programs/traced-core.ts`; not sampled without it. */
export const TRACING_HEADER = 'x-bench-tracing';

/** The header of AWS, by which a call says it to the emulated function ("Tracing header" in X-Ray's Developer Guide). */
export const TRACE_HEADER = 'x-amzn-trace-id';

export const NOT_SAMPLED = 'Sampled=0';

/** A trace that all calls of a process are part of, as Lambda writes it into `_X_AMZN_TRACE_ID`. */
export const TRACE = { id: '1-67891233-abcdef012345678912345678', parent: '53995c3f42cd8ad8' } as const;

/** What Powertools' tracer takes for Lambda with tracing on. */
export function tracedVariables(xrayDaemon: string, sampled: boolean): Record<string, string> {
  return {
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    LAMBDA_TASK_ROOT: '/var/task',
    AWS_XRAY_DAEMON_ADDRESS: xrayDaemon,
    _X_AMZN_TRACE_ID: `Root=${TRACE.id};Parent=${TRACE.parent};Sampled=${sampled ? 1 : 0}`,
  };
}
