/** Where the operator looks: which configuration, and whose state. */
import { relative, resolve } from 'node:path';
import { VARIABLES } from '../../adapters/lambda/names.ts';
import { createMemoryStores } from '../../adapters/memory/stores.ts';
import { cryptoIds } from '../../adapters/node/ids.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { demoConfig, readConfiguration, USUAL_FILE } from '../configuration.ts';
import { openTable, type OpenStores } from '../ports.ts';
import { withUrls } from '../stdio/host.ts';
import type { PlaceOptions } from './options.ts';
import { findGateway, type RunningGateway } from './running-gateway.ts';

export interface Place {
  readonly config: GatewayConfig;
  readonly openStores: OpenStores;
  /** Whether the stores are those of a gateway; else they are empty, and nobody else sees them. */
  readonly hasState: boolean;
  /** What to tell the operator of the place, a line at a time. */
  readonly remarks: readonly string[];
}

/** Something that the operator can mend; the message, of one line or more, says what. */
export class OperatorError extends Error {}

export interface Surroundings {
  /** The current folder. */
  readonly folder: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Where the output goes; undefined when that is no terminal. */
  readonly terminal?: { readonly columns: number } | undefined;
}

/** Rejects with an `OperatorError`, or with a `ConfigurationError`. */
export async function findPlace(options: PlaceOptions, surroundings: Surroundings): Promise<Place> {
  const place = await findState(options, surroundings);
  if (place !== undefined) return place;
  throw new OperatorError(
    'There is no state to look at: no local gateway runs in this folder, and no table is named.\n' +
      'Start one with "npm start", or name the table of a deployed gateway with --table NAME (or SLUICE_TABLE).',
  );
}

/** A file, or the demo, which has none. */
export type FoundConfiguration =
  | {
      readonly kind: 'file';
      /** For messages. */
      readonly name: string;
      readonly path: string;
      /** What to say when there is no such file. */
      readonly missing: string;
    }
  | { readonly kind: 'demo'; readonly config: GatewayConfig };

/** The named one; else that of the gateway that runs in the folder; else the file of the usual name. */
export function findConfiguration(configFile: string | undefined, folder: string): FoundConfiguration {
  if (configFile !== undefined) {
    return fileAt(resolve(folder, configFile), configFile, `${configFile}: there is no such file`);
  }
  const running = findGateway(folder);
  if (running === undefined) {
    return fileAt(
      resolve(folder, USUAL_FILE),
      USUAL_FILE,
      `There is nothing to check: ${USUAL_FILE} does not exist, and no local gateway runs in this folder.\n` +
        'Name a configuration with --config FILE, or start a gateway with "npm start".',
    );
  }
  if (running.configFile === null) return { kind: 'demo', config: demoConfig(running.urls) };
  const below = relative(folder, running.configFile);
  const name = below.startsWith('..') ? running.configFile : below;
  const reason = 'the local gateway that runs in this folder was started with it';
  return fileAt(running.configFile, name, `${name}: there is no such file any more; ${reason}`);
}

function fileAt(path: string, name: string, missing: string): FoundConfiguration {
  return { kind: 'file', name, path, missing };
}

/** As `findPlace`, but with the configuration alone where there is no state. */
export async function findUpstreams(options: PlaceOptions, surroundings: Surroundings): Promise<Place> {
  const place = await findState(options, surroundings);
  if (place !== undefined) return place;
  const config = await configOf(options, surroundings);
  return { config, openStores: createMemoryStores(), hasState: false, remarks: [] };
}

async function findState(options: PlaceOptions, surroundings: Surroundings): Promise<Place | undefined> {
  const { folder, variables } = surroundings;
  const running = findGateway(folder);
  if (options.state === 'local' && running === undefined) {
    throw new OperatorError('No local gateway runs in this folder; start one with "npm start"');
  }
  const isLocal = options.state === 'local' || (options.table === undefined && options.configFile === undefined);
  if (isLocal && running !== undefined) return localPlace(running);
  const table = options.table ?? (variables[VARIABLES.table] || undefined);
  if (table === undefined) return undefined;
  const endpoint = options.endpoint ?? (variables[VARIABLES.dynamodbEndpoint] || undefined);
  const region = options.region ?? (variables['AWS_REGION'] || variables['AWS_DEFAULT_REGION'] || undefined);
  const config = await configOf(options, surroundings);
  return { config, openStores: openTable({ table, endpoint, region }), hasState: true, remarks: [] };
}

async function localPlace({ configFile, configDigest, urls, dynamodbEndpoint, table }: RunningGateway): Promise<Place> {
  const config = configFile === null ? demoConfig(urls) : await readConfiguration(configFile);
  return {
    config: configFile === null ? config : withUrls(config, (name) => urls[name]),
    openStores: openTable({ table, endpoint: dynamodbEndpoint }),
    hasState: true,
    remarks:
      digestOf(config) === configDigest
        ? []
        : [`${configFile} has changed since the local gateway was started: start it again to use what it says now`],
  };
}

/** The local gateway's when there is a file of the usual name, and never the demo's. */
async function configOf({ configFile = USUAL_FILE }: PlaceOptions, { folder }: Surroundings): Promise<GatewayConfig> {
  return await readConfiguration(configFile, resolve(folder, configFile));
}

export function digestOf(config: GatewayConfig): string {
  return cryptoIds.digest(JSON.stringify(config));
}
