import type { TestGateway } from '../support/local-gateway.ts';

/** Ends a gateway. Rejects if it has logged a defect, or if an environment failed by itself. */
export async function closeCleanly(gateway: TestGateway): Promise<void> {
  const defects = gateway.logLines().filter((line) => 'defect' in (JSON.parse(line) as object));
  await gateway.close();
  const trouble = [...defects, ...gateway.reports];
  if (trouble.length > 0) throw new Error(`The gateway was in trouble:\n${trouble.join('\n')}`);
}
