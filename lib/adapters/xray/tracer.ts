import { UNTRACED, type Tracer } from '../../ports/tracer.ts';
import { Recording, type SendSpans } from './recording.ts';

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

let loading: Promise<SendSpans> | undefined;

/** Asks for the module once: the platform would look for it anew each time. */
const send: SendSpans = async (trace, spans) => {
  loading ??= import('./documents.ts').then(({ sendDocuments }) => sendDocuments);
  await (
    await loading
  )(trace, spans);
};
