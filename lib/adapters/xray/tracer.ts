import type { Tracer } from '../../ports.ts';

/** Runs every stage and records nothing. */
export const noopTracer: Tracer = {
  stage: (_name, work) => work(),
};
