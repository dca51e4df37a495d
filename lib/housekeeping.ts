/**
 * What the gateway does on a schedule, on nobody's behalf: it keeps lists fresh that callers share, and ends sessions
 * that nobody uses any more. Everything in it may as well not happen: lists also grow old by themselves, and sessions
 * expire.
 */
import type { GatewayConfig } from './config/schema.ts';
import { refreshUpstream, type Refreshed } from './gateway/refreshing.ts';
import { sweep, type Swept } from './gateway/sweeping.ts';
import { allUpstreams, newShared, Work } from './gateway/work.ts';
import type { Ports } from './ports.ts';
import type { Invocation } from './ports/invocation.ts';

export interface Housekeeping {
  readonly refreshed: readonly Refreshed[];
  readonly swept: Swept;
}

/** Keeps house once. Rejects with what the stores throw. */
export type Housekeeper = (invocation: Invocation) => Promise<Housekeeping>;

export function createHousekeeper(config: GatewayConfig, ports: Ports): Housekeeper {
  const shared = newShared(config, ports);
  const upstreams = allUpstreams(config);
  return async (invocation) => {
    const work = new Work(shared, invocation, 'housekeeping');
    const sweeping = sweep(work, upstreams);
    // One part that fails leaves the others to finish: nothing runs on when the invocation has ended.
    const done = await Promise.allSettled([sweeping, ...upstreams.map((upstream) => refreshUpstream(work, upstream))]);
    await work.settle();
    work.trace.root.end();
    await work.trace.flush();
    const failed = done.find((part) => part.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const refreshed = done.slice(1).flatMap((part) => (part.status === 'fulfilled' ? [part.value as Refreshed] : []));
    return { refreshed, swept: await sweeping };
  };
}
