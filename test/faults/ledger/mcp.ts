/** The function with a fault point at everything that it waits for, whose store of keyed calls may be broken. */
import { withFaultPoints } from '../fault-points.ts';
import { functionOver } from '../function-over.ts';
import { withBrokenIdempotency } from './broken-idempotency.ts';

export const handler = functionOver(import.meta.url, (create, ports) =>
  withBrokenIdempotency(ports, (broken) => withFaultPoints(create, broken)),
);
