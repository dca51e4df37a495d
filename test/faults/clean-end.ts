import type { TestGateway } from '../support/local-gateway.ts';

/** Ends a gateway. Rejects if it has logged a defect, or if an environment failed by itself. */
export async function closeCleanly(gateway: TestGateway): Promise<void> {
  const trouble = await closeAndTell(gateway);
  if (trouble.length > 0) throw new Error(`The gateway was in trouble:\n${trouble.join('\n')}`);
}

/** Ends a gateway, and says what was wrong with it: the defects that it has logged, and environments that failed. */
export async function closeAndTell(gateway: TestGateway): Promise<readonly string[]> {
  const defects = gateway.logLines().filter((line) => 'defect' in (JSON.parse(line) as object));
  await gateway.close();
  return [...defects, ...gateway.reports];
}
