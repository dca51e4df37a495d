import type { ExecuteOnce } from '../../ports/idempotency.ts';

/** Powertools is loaded by the first call that carries a key, and by no other. */
export const executeOnce: ExecuteOnce = async (execution) => {
  const { executeFramed } = await import('./framed-execution.ts');
  return executeFramed(execution);
};
