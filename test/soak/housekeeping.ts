/** Housekeeping when every session has expired: as if it were the day after tomorrow. */
import { systemClock } from '../../lib/adapters/node/clock.ts';
import type { GatewayConfig } from '../../lib/config/schema.ts';
import { createHousekeeper } from '../../lib/housekeeping.ts';
import { TABLE_NAME } from '../../lib/local/dynamodb.ts';
import { createLocalPorts, openTable } from '../../lib/local/ports.ts';
import type { ActionLog } from '../../lib/ports/action-log.ts';

/** Sessions live for a day. */
const AHEAD_MS = 48 * 60 * 60 * 1000;
const INVOCATION_MS = 60_000;

const silent: ActionLog = { notice: () => undefined, write: () => undefined, defect: () => undefined };

/** Returns how many client sessions and upstream sessions were ended. */
export async function sweepEverything(config: GatewayConfig, endpoint: string) {
  const ports = createLocalPorts(openTable({ table: TABLE_NAME, endpoint }), silent, {});
  const clock = { ...systemClock, now: () => systemClock.now() + AHEAD_MS };
  const keepHouse = createHousekeeper(config, { ...ports, clock });
  const total = { clientSessions: 0, upstreamSessions: 0 };
  for (let round = 1; ; round += 1) {
    const arrivedAt = clock.now();
    const { swept } = await keepHouse({
      requestId: `sweep-${round}`,
      trace: undefined,
      environment: 'soak',
      cold: round === 1,
      arrivedAt,
      endsAt: arrivedAt + INVOCATION_MS,
    });
    total.clientSessions += swept.clientSessions;
    total.upstreamSessions += swept.upstreamSessions;
    if (swept.clientSessions + swept.upstreamSessions === 0) return total;
  }
}
