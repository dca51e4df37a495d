/**
 * Writes the JSON Schema of the configuration file, for editors: `node lib/config/json-schema.ts FILE`. Rules that span
 * several keys are not in it; the gateway checks those when it reads the file.
 */
import { writeFileSync } from 'node:fs';
import * as z from 'zod';
import { configFile } from './schema.ts';
import { REACH, upstream } from './upstream-schema.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

export function configJsonSchema(): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(configFile, {
    target: 'draft-2020-12',
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === upstream) splitByReach(jsonSchema);
    },
  });
  return { $schema: $schema!, title: 'Configuration of the Sluice MCP gateway', ...rest };
}

/** An upstream is one of two kinds of object, each with its own keys and those that both have. */
function splitByReach(whole: JsonSchema): void {
  const { type, properties, additionalProperties } = whole;
  const kind = (title: string, way: keyof typeof REACH, other: keyof typeof REACH): JsonSchema => {
    const foreign = new Set<string>([other, ...REACH[other]]);
    const own = Object.entries(properties!).filter(([key]) => !foreign.has(key));
    return {
      title,
      type: type!,
      properties: Object.fromEntries(own),
      required: [way],
      additionalProperties: additionalProperties!,
    };
  };
  whole.anyOf = [
    kind('An MCP server at a URL.', 'url', 'command'),
    kind('An MCP server that the local gateway runs as a command.', 'command', 'url'),
  ];
  delete whole.type;
  delete whole.properties;
  delete whole.additionalProperties;
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
