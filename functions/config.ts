/** The resolved configuration that was bundled beside a function. */
import { CONFIG_FILE } from '../lib/adapters/lambda/names.ts';
import type { GatewayConfig } from '../lib/config/schema.ts';
import { seal } from '../lib/config/seal.ts';

const { readFileSync } = process.getBuiltinModule('node:fs');

/** `moduleUrl` is that of the function, which the bundler puts beside the file. */
export function readConfig(moduleUrl: string): GatewayConfig {
  return seal(JSON.parse(readFileSync(new URL(CONFIG_FILE, moduleUrl), 'utf8')) as GatewayConfig);
}
