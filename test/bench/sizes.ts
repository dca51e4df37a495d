/** What may grow without a call taking longer: tools behind one URL, and sessions in the table. */
import { CALLED, fleetConfiguration, prefixOf } from './fleet.ts';

/** Which gateway of the program is meant: its configuration, and its table. */
export type Size = 'small' | 'tools' | 'sessions';

/** Says so, in requests to the program. */
export const SIZE_HEADER = 'x-bench-size';

/** One that holds the sessions of this bench only, and one that holds very many besides. */
export const SIZE_TABLES = { few: 'few', many: 'many' } as const;

export interface SizeGateway {
  readonly fleet: boolean;
  readonly tableName: string;
}

export const SIZES: Readonly<Record<Size, SizeGateway>> = {
  small: { fleet: false, tableName: SIZE_TABLES.few },
  tools: { fleet: true, tableName: SIZE_TABLES.few },
  sessions: { fleet: false, tableName: SIZE_TABLES.many },
};

/** One upstream with one tool, which is called as the one in the fleet is; or the fleet. */
export function sizeConfiguration(origin: string, { fleet }: SizeGateway) {
  if (fleet) return fleetConfiguration(origin);
  const prefix = prefixOf(CALLED);
  return {
    upstreams: { single: { url: `${origin}/both/single`, prefix } },
    servers: { default: { upstreams: ['single'] } },
  };
}
