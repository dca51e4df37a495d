/** What `lib/adapters/xray/tracer.ts` exports, without a tracer of X-Ray. */
import { UNTRACED, type Tracer } from '../../../lib/ports/tracer.ts';

export const noopTracer: Tracer = { begin: () => UNTRACED };

export function createXRayTracer(): Tracer {
  return noopTracer;
}
