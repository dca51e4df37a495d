/** The function of `functions/mcp.ts`, with a fault point at everything that it waits for. */
import { withFaultPoints } from './fault-points.ts';
import { functionOver } from './function-over.ts';

export const handler = functionOver(import.meta.url, withFaultPoints);
