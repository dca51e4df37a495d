/**
 * Breaks every row of the import table on purpose, in a house of samples that is laid out like this one, and sees that
 * the linter, with this project's settings, reports each breach and nothing else.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

interface Sample {
  readonly file: string;
  /** Statements that the table allows. */
  readonly lawful: readonly string[];
  /** Statements that it forbids. */
  readonly breaches: readonly string[];
}

const stages = ['auth', 'sessions', 'catalog', 'policies', 'upstream', 'delivery'];

let names = 0;
/** A statement of its own: no two in a file bind the same name. */
const value = (specifier: string): string => `import { thing as thing${(names += 1)} } from '${specifier}';`;
const type = (specifier: string): string => `import type { Thing as Thing${(names += 1)} } from '${specifier}';`;

/** What no part of the core may import, seen from a file in a folder of `lib`. */
const outside = [
  value('../adapters/memory/store.ts'),
  value('../local/main.ts'),
  value('../bridge/main.ts'),
  value('../../functions/mcp.ts'),
  value('../../infra/stack.ts'),
  value('../../test/support/clock.ts'),
  value('node:http'),
  value('fs'),
  value('@aws-sdk/client-dynamodb'),
  value('@middy/core'),
  value('@evil/zod'),
  type('aws-lambda'),
];

const composedByEntries = (lib: string): string[] => [
  value(`${lib}/gateway.ts`),
  value(`${lib}/config/schema.ts`),
  value(`${lib}/adapters/memory/store.ts`),
  value(`${lib}/protocol/message.ts`),
  value(`${lib}/ports.ts`),
  value(`${lib}/ports/part.ts`),
  value(`${lib}/errors.ts`),
  value('node:worker_threads'),
  value('@middy/core'),
];

const refusedToEntries = (lib: string): string[] => [
  ...stages.map((stage) => value(`${lib}/${stage}/part.ts`)),
  value('@aws-sdk/client-dynamodb'),
  `await import('@aws-sdk/lib-dynamodb');`,
  value('aws-xray-sdk-core'),
];

const samples: Sample[] = [
  {
    file: 'lib/protocol/sample.ts',
    lawful: [value('./message.ts'), value('./modern/envelope.ts'), value('eventsource-parser')],
    breaches: [
      ...outside,
      ...stages.map((stage) => value(`../${stage}/part.ts`)),
      value('../ports.ts'),
      type('../ports/part.ts'),
      type('../errors.ts'),
      type('../config/schema.ts'),
      value('../gateway.ts'),
      value('zod'),
      `export * from '../errors.ts';`,
      `export type { Failure } from '../errors.ts';`,
      `await import('../errors.ts');`,
      value('./../errors.ts'),
      value('./modern/../../errors.ts'),
      value('../../lib/errors.ts'),
    ],
  },
  {
    file: 'lib/protocol/modern/sample.ts',
    lawful: [value('./headers.ts'), value('../message.ts'), value('../legacy/codec.ts')],
    breaches: [type('../../errors.ts'), value('../../ports.ts'), value('../../upstream/part.ts'), value('node:fs')],
  },
  ...[
    { file: 'lib/errors.ts', lawful: [], breaches: [type('./ports/part.ts')] },
    { file: 'lib/ports.ts', lawful: [type('./ports/part.ts'), value('./ports/other.ts')], breaches: [] },
  ].map(({ file, lawful, breaches }) => ({
    file,
    lawful: [value('./protocol/message.ts'), type('./protocol/modern/envelope.ts'), ...lawful],
    breaches: [
      ...breaches,
      type('./ports.ts'),
      type('./errors.ts'),
      type('./config/schema.ts'),
      value('./gateway.ts'),
      ...stages.map((stage) => value(`./${stage}/part.ts`)),
      value('./adapters/memory/store.ts'),
      value('node:crypto'),
      value('zod'),
    ],
  })),
  {
    file: 'lib/ports/sample.ts',
    lawful: [value('./part.ts'), value('../protocol/message.ts'), type('../protocol/modern/envelope.ts')],
    breaches: [
      ...outside,
      ...stages.map((stage) => value(`../${stage}/part.ts`)),
      type('../ports.ts'),
      type('../errors.ts'),
      type('../config/schema.ts'),
      value('../gateway.ts'),
      value('eventsource-parser'),
      value('zod'),
    ],
  },
  {
    file: 'lib/config/sample.ts',
    lawful: [value('./schema.ts'), value('zod'), value('zod/mini')],
    breaches: [
      ...outside,
      ...stages.map((stage) => value(`../${stage}/part.ts`)),
      type('../protocol/message.ts'),
      type('../ports.ts'),
      type('../ports/part.ts'),
      type('../errors.ts'),
      value('../gateway.ts'),
    ],
  },
  {
    file: 'lib/config/json-schema.ts',
    lawful: [value('./schema.ts'), value('node:fs'), value('zod'), `process.stdout.write('');`],
    breaches: [value('../protocol/message.ts'), type('../ports.ts'), value('../gateway.ts'), value('../local/main.ts')],
  },
  ...stages.map((stage) => ({
    file: `lib/${stage}/sample.ts`,
    lawful: [
      value('./part.ts'),
      value('./inner/part.ts'),
      value('../protocol/message.ts'),
      value('../protocol/modern/envelope.ts'),
      value('../ports.ts'),
      value('../ports/part.ts'),
      value('../errors.ts'),
      type('../config/schema.ts'),
    ],
    breaches: [
      ...outside,
      ...stages.filter((other) => other !== stage).map((other) => type(`../${other}/part.ts`)),
      value('../config/schema.ts'),
      `export { parse } from '../config/schema.ts';`,
      type('../gateway.ts'),
      value('eventsource-parser'),
      value('zod'),
    ],
  })),
  {
    file: 'lib/upstream/inner/sample.ts',
    lawful: [
      value('./part.ts'),
      value('../part.ts'),
      value('../../protocol/message.ts'),
      type('../../config/schema.ts'),
    ],
    breaches: [type('../../sessions/part.ts'), value('../../config/schema.ts'), value('../../../functions/mcp.ts')],
  },
  {
    file: 'lib/gateway/sample.ts',
    lawful: [
      value('./part.ts'),
      ...stages.map((stage) => value(`../${stage}/part.ts`)),
      value('../protocol/message.ts'),
      value('../ports.ts'),
      value('../ports/part.ts'),
      value('../errors.ts'),
      type('../config/schema.ts'),
    ],
    breaches: [...outside, value('../config/schema.ts'), value('../gateway.ts'), value('zod')],
  },
  {
    file: 'lib/gateway.ts',
    lawful: [
      value('./gateway/part.ts'),
      ...stages.map((stage) => value(`./${stage}/part.ts`)),
      value('./protocol/message.ts'),
      value('./ports.ts'),
      value('./ports/part.ts'),
      value('./errors.ts'),
      type('./config/schema.ts'),
    ],
    breaches: [
      value('./config/schema.ts'),
      value('./adapters/memory/store.ts'),
      value('./local/main.ts'),
      value('./bridge/main.ts'),
      value('../functions/mcp.ts'),
      value('node:crypto'),
      value('@middy/core'),
    ],
  },
  {
    file: 'lib/adapters/memory/sample.ts',
    lawful: [
      value('./store.ts'),
      value('../node/clock.ts'),
      value('../../ports.ts'),
      value('../../ports/part.ts'),
      value('../../protocol/message.ts'),
      value('../../errors.ts'),
      value('node:http'),
      value('@aws-sdk/client-dynamodb'),
    ],
    breaches: [
      ...stages.map((stage) => type(`../../${stage}/part.ts`)),
      type('../../gateway.ts'),
      type('../../config/schema.ts'),
      value('../../local/main.ts'),
      value('../../bridge/main.ts'),
      value('../../../functions/mcp.ts'),
    ],
  },
  ...['lambda', 'dynamodb', 'logging'].map((adapter) => ({
    file: `lib/adapters/${adapter}/sample.ts`,
    lawful: [
      value('./part.ts'),
      value('../memory/store.ts'),
      value('../../ports.ts'),
      value('../../ports/part.ts'),
      value('../../protocol/message.ts'),
      value('../../errors.ts'),
      value('@aws-sdk/client-dynamodb'),
      value('node:crypto'),
      type('node:http'),
    ],
    breaches: [value('node:http'), value('https'), type('../../gateway.ts'), value('../../sessions/part.ts')],
  })),
  {
    file: 'lib/adapters/node/http-transport.ts',
    lawful: [value('./clock.ts'), value('../../ports.ts'), value('../../ports/part.ts'), type('node:https')],
    breaches: [value('node:https'), type('../../gateway.ts'), value('../../upstream/part.ts')],
  },
  {
    file: 'functions/sample.ts',
    lawful: composedByEntries('../lib'),
    breaches: [
      ...refusedToEntries('../lib'),
      value('../lib/local/main.ts'),
      value('../lib/bridge/main.ts'),
      value('../infra/stack.ts'),
      value('node:http'),
    ],
  },
  {
    file: 'lib/local/sample.ts',
    lawful: [...composedByEntries('..'), value('./main.ts'), value('./demo/start.ts'), value('node:http')],
    breaches: [
      ...refusedToEntries('..'),
      value('../bridge/main.ts'),
      value('../../functions/mcp.ts'),
      value('../../infra/stack.ts'),
    ],
  },
  {
    file: 'lib/bridge/sample.ts',
    lawful: [...composedByEntries('..'), value('./main.ts')],
    breaches: [...refusedToEntries('..'), value('../local/main.ts'), value('../../functions/mcp.ts')],
  },
  {
    file: 'infra/sample.ts',
    lawful: [
      value('./stack.ts'),
      value('../lib/config/schema.ts'),
      value('../lib/adapters/lambda/names.ts'),
      value('../lib/adapters/lambda/bundle.ts'),
      value('../lib/adapters/dynamodb/table.ts'),
      value('aws-cdk-lib'),
      value('node:path'),
    ],
    breaches: [
      ...stages.map((stage) => value(`../lib/${stage}/part.ts`)),
      value('../lib/adapters/lambda/event.ts'),
      value('../lib/adapters/dynamodb/stores.ts'),
      value('../lib/adapters/memory/store.ts'),
      value('../lib/gateway.ts'),
      type('../lib/protocol/message.ts'),
      type('../lib/ports/part.ts'),
      value('../functions/mcp.ts'),
      value('../lib/local/main.ts'),
      value('@aws-sdk/client-dynamodb'),
    ],
  },
  { file: 'lib/auth/far/too/deep/down/sample.ts', lawful: [], breaches: [value('./part.ts')] },
  { file: 'lib/unlisted.ts', lawful: [], breaches: [type('./ports.ts'), value('node:fs')] },
  { file: 'lib/unlisted/sample.ts', lawful: [], breaches: [type('./part.ts'), value('../ports.ts')] },
];

const core = [
  'lib/gateway.ts',
  'lib/gateway/ambient.ts',
  'lib/errors.ts',
  'lib/ports.ts',
  'lib/ports/ambient.ts',
  'lib/protocol/ambient.ts',
  'lib/protocol/modern/ambient.ts',
  'lib/config/ambient.ts',
  ...stages.map((stage) => `lib/${stage}/ambient.ts`),
];

const ambientUses = [
  'Date.now();',
  'new Date();',
  'performance.now();',
  'setTimeout(done, 1);',
  'setInterval(done, 1);',
  'setImmediate(done);',
  'process.exit();',
  'console.log(done);',
  'void fetch(done);',
  'globalThis.setTimeout(done, 1);',
  'AbortSignal.timeout(1);',
  'Math.random();',
  'await import(done);',
];

const coreUses = [`Buffer.from('text').toString();`, 'new AbortController().abort();', 'queueMicrotask(done);'];

interface Report {
  /** Plugin and rule; absent when the file could not be read as TypeScript. */
  readonly code?: string;
  readonly message: string;
  readonly help?: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

let house: string;
let reports: readonly Report[];

beforeAll(async () => {
  house = await mkdtemp(join(tmpdir(), 'sluice-house-'));
  for (const file of ['oxlint.config.ts', 'oxlint.imports.ts', 'tsconfig.json']) {
    await copyFile(join(root, file), join(house, file));
  }
  await symlink(join(root, 'node_modules'), join(house, 'node_modules'));
  for (const [file, statements] of contents()) {
    await mkdir(dirname(join(house, file)), { recursive: true });
    await writeFile(join(house, file), statements.join('\n'));
  }
  reports = await lint(house);
});

afterAll(async () => {
  await rm(house, { recursive: true, force: true });
});

/** Each sample file with its statements, one on each line. */
function contents(): Map<string, string[]> {
  const files = new Map<string, string[]>();
  const add = (file: string, statements: readonly string[]): void => {
    files.set(file, [...(files.get(file) ?? []), ...statements]);
  };
  for (const { file, lawful, breaches } of samples) add(file, [...lawful, ...breaches]);
  for (const file of [...core, 'lib/adapters/node/ambient.ts']) add(file, [...coreUses, ...ambientUses]);
  add('lib/protocol/circle.ts', [value('./circle-back.ts')]);
  add('lib/protocol/circle-back.ts', [value('./circle.ts')]);
  add('lib/protocol/floating.ts', ['async function work(): Promise<void> {}', 'work();', 'await work();']);
  add('lib/protocol/import-type.ts', [`export type Thing = import('./message.ts').Thing;`]);
  return files;
}

async function lint(folder: string): Promise<Report[]> {
  const command = [join(root, 'node_modules/oxlint/bin/oxlint'), '--type-aware', '--format', 'json'];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, command, { cwd: folder, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      // Status 1 says that there are breaches, which is the point.
      if (error?.code === 1 && stdout.startsWith('{')) resolve(stdout);
      else reject(new Error(`The linter did not run: ${stdout}${stderr}`, { cause: error }));
    });
  });
  const { diagnostics } = JSON.parse(output) as { diagnostics: Report[] };
  const unread = diagnostics.find((report) => report.code === undefined);
  if (unread !== undefined) throw new Error(`A sample was not linted: ${unread.filename}: ${unread.message}`);
  return diagnostics;
}

function reportsOn(file: string, rules: readonly string[]): { statement: string; message: string }[] {
  const lines = contents().get(file) ?? [];
  return reports
    .filter((report) => report.filename === file && rules.some((rule) => report.code?.endsWith(`(${rule})`)))
    .map((report) => ({ line: report.labels[0]?.span.line ?? 0, message: report.help ?? '' }))
    .toSorted((one, other) => one.line - other.line)
    .map(({ line, message }) => ({ statement: lines[line - 1] ?? `line ${line}`, message }));
}

const statementsOf = (found: readonly { statement: string }[]): string[] => [
  ...new Set(found.map(({ statement }) => statement)),
];

describe('the import table', () => {
  test.each(samples)('lets $file import what its row names, and nothing else', ({ file, breaches }) => {
    expect(statementsOf(reportsOn(file, ['no-restricted-imports']))).toEqual(breaches);
  });

  test.each(samples)('is named in every report on $file', ({ file }) => {
    const messages = reportsOn(file, ['no-restricted-imports']).map(({ message }) => message);
    expect(messages.filter((message) => !/import table|getBuiltinModule/.test(message))).toEqual([]);
  });
});

describe('the core', () => {
  const rules = ['no-restricted-globals', 'no-restricted-properties', 'no-dynamic-require'];

  test.each(core)('has no ambient time, chance or I/O in %s', (file) => {
    expect(statementsOf(reportsOn(file, rules))).toEqual(ambientUses);
  });

  test('leaves ambient time, chance and I/O to the adapters', () => {
    expect(reportsOn('lib/adapters/node/ambient.ts', rules)).toEqual([]);
  });
});

describe('the linter', () => {
  test('reports a promise that nobody waits for', () => {
    expect(statementsOf(reportsOn('lib/protocol/floating.ts', ['no-floating-promises']))).toEqual(['work();']);
  });

  test('reports modules that import each other', () => {
    expect(reportsOn('lib/protocol/circle.ts', ['no-cycle'])).toHaveLength(1);
  });

  test('reports an import hidden in a type', () => {
    expect(reportsOn('lib/protocol/import-type.ts', ['consistent-type-imports'])).toHaveLength(1);
  });
});
