import type { Journey } from './journey.ts';
export async function gatewayJourneys(): Promise<{ readonly journeys: readonly Journey[]; close(): Promise<void> }> {
  return { journeys: [], close: async () => undefined };
}
