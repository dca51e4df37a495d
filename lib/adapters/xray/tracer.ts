import { UNTRACED, type Tracer } from '../../ports.ts';
import { Recording } from './recording.ts';

/** Records nothing. */
export const noopTracer: Tracer = { begin: () => UNTRACED };

/**
 * Records what the platform has sampled. What makes documents of it and sends them is loaded by the first of those.
 * `onError` is told why a trace could not be sent.
 */
export function createXRayTracer(onError: (requestId: string, error: unknown) => void): Tracer {
  return {
    begin: ({ trace, requestId }, name) =>
      trace?.sampled === true ? new Recording(trace, name, send, (error) => onError(requestId, error)) : UNTRACED,
  };
}

const send: ConstructorParameters<typeof Recording>[2] = async (trace, spans) =>
  (await import('./documents.ts')).sendDocuments(trace, spans);
