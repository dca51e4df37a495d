/**
 * Writes the JSON Schema of the configuration file, for editors: `node lib/config/json-schema.ts FILE`. Rules that span
 * several keys are not in it; the gateway checks those when it reads the file.
 */
import { writeFileSync } from 'node:fs';
import * as z from 'zod';
import { configFile } from './schema.ts';

export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  const { $schema, ...rest } = z.toJSONSchema(configFile, { target: 'draft-2020-12', io: 'input' });
  return { $schema: $schema!, title: 'Configuration of the Sluice MCP gateway', ...rest };
}

if (import.meta.main) {
  const file = process.argv[2];
  if (file === undefined) {
    process.stderr.write('usage: node lib/config/json-schema.ts FILE\n');
    process.exitCode = 2;
  } else {
    writeFileSync(file, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  }
}
