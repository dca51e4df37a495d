/** The scheduled function: keeps shared lists fresh, and ends sessions that nobody uses any more. */
import type { Context, ScheduledEvent } from 'aws-lambda';
import { readConfig } from './config.ts';
import { currentEnvironment, toScheduledInvocation } from '../lib/adapters/lambda/invocation.ts';
import { createFunctionPorts } from '../lib/adapters/lambda/ports.ts';
import { createHousekeeper, type Housekeeping } from '../lib/housekeeping.ts';

const ports = createFunctionPorts(process.env);
const keepHouse = createHousekeeper(readConfig(import.meta.url), ports);
const environment = currentEnvironment();

/** What a run leaves undone, the next one does. */
export async function handler(_event: ScheduledEvent, context: Context): Promise<Housekeeping> {
  const invocation = toScheduledInvocation(context, environment, Date.now());
  try {
    return await keepHouse(invocation);
  } finally {
    // Its cold starts keep no client waiting, and are not counted among those that do.
    await ports.publishMetrics(invocation.requestId);
  }
}
