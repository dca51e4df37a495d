import { systemClock } from '../../adapters/node/clock.ts';
import { cryptoIds } from '../../adapters/node/ids.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { Operator } from '../../operator.ts';
import type { ActionLog, Notice } from '../../ports/action-log.ts';
import { StoreError } from '../../ports/stores.ts';
import { createLocalPorts, type OpenStores } from '../ports.ts';
import { secretsOfVariables } from '../secrets.ts';
import type { Surroundings } from './place.ts';

export interface Operated {
  readonly config: GatewayConfig;
  readonly openStores: OpenStores;
  /** Of the process: some have secrets of upstreams. */
  readonly variables: Surroundings['variables'];
}

/**
 * `work` gets an operator, and everything that it leaves to do in the background is done in the end. Rejects with what
 * went wrong there, too. `hear` is told what the log of a gateway would be.
 */
export async function operate<T>(
  { config, openStores, variables }: Operated,
  work: (operator: Operator) => Promise<T>,
  hear: (notice: Notice) => void = () => undefined,
): Promise<T> {
  const defects: unknown[] = [];
  const actionLog: ActionLog = {
    notice: (_requestId, notice) => hear(notice),
    write: () => undefined,
    defect: (_requestId, error) => defects.push(error),
  };
  const operator = new Operator(
    config,
    createLocalPorts(openStores, actionLog, secretsOfVariables(config, variables)),
    {
      requestId: cryptoIds.random(),
      trace: undefined,
      environment: 'operator',
      cold: true,
      arrivedAt: systemClock.now(),
      endsAt: Infinity,
    },
  );
  const outcome = await work(operator).then(
    (result) => () => result,
    (error: unknown) => () => {
      throw error;
    },
  );
  await operator.settle();
  const result = outcome();
  if (defects.length > 0) throw worst(defects);
  return result;
}

/** What nobody expected, before a store that did not answer. */
function worst(defects: readonly unknown[]): unknown {
  return defects.find((defect) => !(defect instanceof StoreError)) ?? defects[0];
}
