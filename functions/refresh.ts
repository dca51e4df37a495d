/** The scheduled function: keeps shared lists fresh, and ends sessions that nobody uses any more. */
import type { Context, ScheduledEvent } from 'aws-lambda';
import { readConfig } from './config.ts';
import { currentEnvironment, toScheduledInvocation } from '../lib/adapters/lambda/invocation.ts';
import { createFunctionPorts } from '../lib/adapters/lambda/ports.ts';
import { createHousekeeper, type Housekeeping } from '../lib/housekeeping.ts';

const keepHouse = createHousekeeper(readConfig(import.meta.url), createFunctionPorts(process.env));
const environment = currentEnvironment();

/** What a run leaves undone, the next one does. */
export function handler(_event: ScheduledEvent, context: Context): Promise<Housekeeping> {
  return keepHouse(toScheduledInvocation(context, environment, Date.now()));
}
