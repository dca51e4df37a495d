/** A gateway in front of upstreams, and housekeepers over the same store, each as an environment of its own. */
import { randomUUID } from 'node:crypto';
import { afterAll, onTestFinished } from 'vitest';
import { createDynamoClient } from '../../lib/adapters/dynamodb/client.ts';
import { createTable } from '../../lib/adapters/dynamodb/create-table.ts';
import { createDynamoStores } from '../../lib/adapters/dynamodb/stores.ts';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { secretlessTransport } from '../support/http-transport.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../lib/adapters/xray/tracer.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import type { GatewayConfig } from '../../lib/config/schema.ts';
import { createHousekeeper, type Housekeeping } from '../../lib/housekeeping.ts';
import type { Ports } from '../../lib/ports.ts';
import type { Notice } from '../../lib/ports/action-log.ts';
import type { Invocation } from '../../lib/ports/invocation.ts';
import type { Stores } from '../../lib/ports/stores.ts';
import { openListing, type Listing, type ListingSpec } from '../gateway/listing-fixtures.ts';
import { startDynalite, type RunningDynalite } from '../support/dynalite.ts';
import type { Leg } from '../support/gateway-harness.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';

export interface House<Name extends string> extends Listing<Name> {
  readonly clock: ManualClock;
  readonly config: GatewayConfig;
  readonly ports: Ports;
  readonly stores: Stores;
  /** Runs a housekeeper that remembers nothing, whose stores may be wrapped. */
  keepHouse(wrap?: (stores: Stores) => Stores): Promise<Housekeeping>;
  /** What housekeepers have told the operator. */
  readonly notices: readonly Notice[];
}

let database: Promise<RunningDynalite> | undefined;

afterAll(async () => {
  const running = await database;
  database = undefined;
  await running?.close();
});

async function openState(store: Leg['store']): Promise<Ports['openStores']> {
  if (store === 'memory') return createMemoryStores();
  database ??= startDynalite();
  const { endpoint } = await database;
  const tableName = `house-${randomUUID()}`;
  await createTable({ endpoint, tableName });
  return createDynamoStores({ client: createDynamoClient({ endpoint }), tableName });
}

/** Everybody goes by one clock, which stands still. A defect that anybody reports fails the test. */
export async function openHouse<const Name extends string>(
  specs: Readonly<Record<Name, ListingSpec>>,
  leg: Leg,
): Promise<House<Name>> {
  const clock = createManualClock();
  const openStores = await openState(leg.store);
  const listing = await openListing(specs, { leg, clock, openStores, environments: 3 });
  const notices: Notice[] = [];
  const defects: unknown[] = [];
  onTestFinished(() => {
    if (defects.length > 0) throw new AggregateError(defects, 'A housekeeper reported defects');
  });
  const ports: Ports = {
    clock,
    ids: cryptoIds,
    openStores,
    transport: secretlessTransport(),
    executeOnce,
    tracer: noopTracer,
    actionLog: {
      notice: (_requestId, notice) => void notices.push(notice),
      write: () => undefined,
      defect: (_requestId, error) => void defects.push(error),
    },
  };
  const config = configOf(specs, listing);
  return {
    ...listing,
    clock,
    config,
    ports,
    stores: openStores({ requests: 0 }),
    notices,
    keepHouse: (wrap = (stores) => stores) =>
      createHousekeeper(config, { ...ports, openStores: (tally) => wrap(openStores(tally)) })(newInvocation(clock)),
  };
}

export function newInvocation(clock: ManualClock): Invocation {
  const arrivedAt = clock.now();
  return {
    requestId: randomUUID(),
    trace: undefined,
    environment: 'house',
    cold: true,
    arrivedAt,
    endsAt: arrivedAt + 60_000,
  };
}

function configOf<Name extends string>(
  specs: Readonly<Record<Name, ListingSpec>>,
  { upstreams }: Listing<Name>,
): GatewayConfig {
  const names = Object.keys(specs) as Name[];
  const resolved = resolveConfig(
    {
      upstreams: Object.fromEntries(names.map((name) => [name, { url: upstreams[name].url, ...specs[name].config }])),
      servers: { default: { upstreams: names } },
    },
    UNSAID.local,
  );
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'test configuration'));
  return resolved.config;
}
