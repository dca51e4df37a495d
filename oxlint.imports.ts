/**
 * The import table: which part of the house may import which, in the form that the linter enforces. `oxlint.config.ts`
 * applies it; `test/house/import-table.test.ts` breaks every row of it on purpose.
 */
import { posix } from 'node:path';
import type { OxlintOverride } from 'oxlint';

/** The form in which `no-restricted-imports` takes what it forbids. */
interface Forbidden {
  regex?: string;
  group?: string[];
  allowTypeImports?: boolean;
  message: string;
}

/** One row of the import table. Places are paths from the root: a folder, or a file ending in `.ts`. */
interface Row {
  readonly place: string;
  /** Places it may import, besides itself. */
  readonly imports: readonly string[];
  /** Places it may import types from, and nothing else. */
  readonly importsTypesOf?: readonly string[];
  /** Packages it may import, and what lies below their names; `any` includes Node's own modules. */
  readonly packages: readonly string[] | 'any';
  /** What it may not import although the rest of the row would allow it. */
  readonly except?: readonly Forbidden[];
}

/** Clients of AWS services belong to `lib/adapters` alone. */
const vendorClients: Forbidden = {
  regex: '^(@aws-sdk|@aws-crypto|@aws-lambda-powertools|@smithy)/|^aws-(sdk|xray-sdk|jwt-verify)',
  message: 'The import table: vendor clients are imported in lib/adapters only.',
};

/** For what is bundled for Lambda, where http as an ES module costs 20 ms of every cold start. */
const nodeHttp: Forbidden = {
  regex: '^(node:)?(http|https|http2)$',
  allowTypeImports: true,
  message: "Bundled for Lambda: take http from process.getBuiltinModule('node:http'), which starts faster.",
};

/** The command that writes the JSON Schema: an entry beside the definition that it prints, no part of the core. */
export const schemaCommand = 'lib/config/json-schema.ts';

export const stages = ['lib/auth', 'lib/sessions', 'lib/catalog', 'lib/policies', 'lib/upstream', 'lib/delivery'];

/** What the core is given: `lib/ports.ts` names the whole, `lib/ports/` holds its parts. */
const ports = ['lib/ports.ts', 'lib/ports'];

/** The journey of a request: `lib/gateway.ts`, and the parts of it that have names of their own. */
const journey = {
  imports: [...stages, 'lib/protocol', ...ports, 'lib/errors.ts'],
  importsTypesOf: ['lib/config'],
  packages: [],
} as const;

const composed = [
  'lib/gateway.ts',
  'lib/housekeeping.ts',
  'lib/operator.ts',
  'lib/config',
  'lib/adapters',
  'lib/protocol',
  ...ports,
  'lib/errors.ts',
];

const adapter = { imports: ['lib/protocol', ...ports, 'lib/errors.ts'], packages: 'any' } as const;

const bundledAdapter = { ...adapter, imports: ['lib/adapters', ...adapter.imports], except: [nodeHttp] };

/** A later row wins over an earlier one, so that one place can differ from the folder around it. */
const importTable: readonly Row[] = [
  { place: 'lib/protocol', imports: [], packages: ['eventsource-parser'] },
  { place: 'lib/errors.ts', imports: ['lib/protocol'], packages: [] },
  { place: 'lib/ports', imports: ['lib/protocol'], packages: [] },
  { place: 'lib/ports.ts', imports: ['lib/ports', 'lib/protocol'], packages: [] },
  { place: 'lib/config', imports: [], packages: ['zod'] },
  { place: schemaCommand, imports: ['lib/config'], packages: 'any' },
  ...stages.map((place): Row => ({
    place,
    imports: ['lib/protocol', ...ports, 'lib/errors.ts'],
    importsTypesOf: ['lib/config'],
    packages: [],
  })),
  { place: 'lib/gateway', ...journey },
  { ...journey, place: 'lib/gateway.ts', imports: ['lib/gateway', ...journey.imports] },
  { ...journey, place: 'lib/housekeeping.ts', imports: ['lib/gateway', ...journey.imports] },
  { ...journey, place: 'lib/operator.ts', imports: ['lib/gateway', ...journey.imports] },
  { place: 'lib/adapters', ...adapter },
  { place: 'lib/adapters/lambda', ...bundledAdapter },
  { place: 'lib/adapters/dynamodb', ...bundledAdapter },
  { place: 'lib/adapters/logging', ...bundledAdapter },
  { place: 'lib/adapters/node/http-transport.ts', ...bundledAdapter },
  { place: 'functions', imports: composed, packages: 'any', except: [vendorClients, nodeHttp] },
  { place: 'lib/local', imports: composed, packages: 'any', except: [vendorClients] },
  { place: 'lib/bridge', imports: composed, packages: 'any', except: [vendorClients] },
  {
    place: 'infra',
    imports: [
      'lib/config',
      'lib/adapters/lambda/names.ts',
      'lib/adapters/lambda/bundle.ts',
      'lib/adapters/dynamodb/table.ts',
    ],
    packages: 'any',
    except: [vendorClients],
  },
];

/** Rows follow folders this deep. What lies deeper is in no row, and may import nothing. */
const folderDepth = 4;

const isFile = (place: string): boolean => place.endsWith('.ts');

/** A folder that is `below` folders beneath the row's place; the names of those between do not matter. */
function folderOf(row: Row, below: number): string {
  return (isFile(row.place) ? posix.dirname(row.place) : row.place) + '/any'.repeat(below);
}

/** How a file in `folder` spells `target`: a file as it is, a folder as the beginning that all in it share. */
function spelling(folder: string, target: string): string {
  const path = posix.relative(folder, target);
  const start = path.startsWith('.') ? path : `./${path}`;
  return isFile(target) || start.endsWith('/') ? start : `${start}/`;
}

/**
 * Patterns, in the form of .gitignore, for `target` and all that it holds, but for no way back up out of it. From within
 * the target, each folder between is a beginning of its own.
 */
function patternsFor(folder: string, target: string): string[] {
  if (isFile(target)) return [spelling(folder, target)];
  const starts = [spelling(folder, target)];
  for (let inner = folder; inner.startsWith(`${target}/`); inner = posix.dirname(inner)) {
    starts.push(spelling(folder, inner));
  }
  return starts.flatMap((start) => [`${start}[!.]*`, `${start}[!.]*/**`]);
}

function describe(row: Row): string {
  const allowed = [
    ...(isFile(row.place) ? [] : ['itself']),
    ...row.imports,
    ...(row.importsTypesOf ?? []).map((place) => `types of ${place}`),
    ...(row.packages === 'any' ? ['packages'] : row.packages),
  ];
  return `The import table lets ${row.place} import only: ${allowed.join(', ')}.`;
}

/**
 * What a row forbids in files `below` folders beneath its place. The order matters: a specifier that a group lets pass
 * is not held against the patterns after it, so the group comes last.
 */
function forbidden(row: Row, below: number): Forbidden[] {
  const typesOf = row.importsTypesOf ?? [];
  const folder = folderOf(row, below);
  const targets = [...(isFile(row.place) ? [] : [row.place]), ...row.imports, ...typesOf];
  const packages =
    row.packages === 'any'
      ? []
      : row.packages.flatMap((name) => [`!${name}`, `!${name}/**`, `*/${name}`, `*/${name}/**`]);
  return [
    {
      regex: String.raw`(^|/)(\.|[^/]*[^./][^/]*)/\.\.?(/|$)`,
      message: 'The import table reads paths as they are written: go up first, then down.',
    },
    ...typesOf.map((target) => ({
      regex: `^${spelling(folder, target).replaceAll('.', String.raw`\.`)}`,
      allowTypeImports: true,
      message: describe(row),
    })),
    ...(row.except ?? []),
    {
      group: [
        ...(row.packages === 'any' ? ['./**', '../**', '/**', '#*', '..'] : ['*']),
        ...packages,
        ...targets.flatMap((target) => patternsFor(folder, target)).map((pattern) => `!${pattern}`),
      ],
      message: describe(row),
    },
  ];
}

function overridesFor(row: Row): OxlintOverride[] {
  const depths = isFile(row.place) ? [0] : Array.from({ length: folderDepth }, (_, below) => below);
  return depths.map((below) => ({
    files: [isFile(row.place) ? row.place : `${row.place}/${'*/'.repeat(below)}*`],
    rules: { 'no-restricted-imports': ['error', { patterns: forbidden(row, below) }] },
  }));
}

const unlisted: OxlintOverride = {
  files: ['lib/**', 'functions/**', 'infra/**'],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ regex: '', message: 'This place is in no row of the import table (oxlint.imports.ts).' }] },
    ],
  },
};

/** The table as the linter takes it. */
export const importTableOverrides: OxlintOverride[] = [unlisted, ...importTable.flatMap(overridesFor)];
