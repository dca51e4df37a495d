/** The linter's settings: which rules hold everywhere, and what the core may not touch. */
import { defineConfig } from 'oxlint';
import { importTableOverrides, schemaCommand, stages } from './oxlint.imports.ts';

/** Everything that decides what the gateway does. It gets time, chance and I/O through ports. */
const core = [
  'lib/gateway.ts',
  'lib/gateway',
  'lib/errors.ts',
  'lib/ports.ts',
  'lib/ports',
  'lib/protocol',
  'lib/config',
  ...stages,
];

const ambient = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'process',
  'console',
  'fetch',
  'WebSocket',
  'EventSource',
  'crypto',
  'globalThis',
  'global',
  'require',
];

export default defineConfig({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import', 'promise', 'node', 'vitest'],
  categories: { correctness: 'error', suspicious: 'error' },
  options: { reportUnusedDisableDirectives: 'error' },
  ignorePatterns: ['node_modules/', 'dist/', 'coverage/', '.sluice/'],
  rules: {
    // Found by type, beyond the two categories.
    'typescript/no-misused-promises': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/prefer-promise-reject-errors': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/no-explicit-any': 'error',
    'typescript/no-unsafe-call': 'error',
    'typescript/no-unsafe-member-access': 'error',
    'typescript/no-unsafe-return': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/no-import-type-side-effects': 'error',
    'import/no-cycle': ['error', { ignoreTypes: false }],
    eqeqeq: ['error', 'always', { null: 'ignore' }],
    'no-console': 'error',
    'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'] }],
    'vitest/no-identical-title': 'error',
    // Control characters are what a gateway looks for, `_meta` is the protocol's, and TypeScript already knows that a
    // switch is exhaustive.
    'no-control-regex': 'off',
    'no-underscore-dangle': 'off',
    'typescript/consistent-return': 'off',
    // Ports are plain objects of functions, which may be taken apart.
    'typescript/unbound-method': 'off',
    // Matters of taste, and browsers' matters.
    'no-shadow': 'off',
    'import/no-named-as-default': 'off',
    'import/no-named-as-default-member': 'off',
    'import/no-unassigned-import': 'off',
    'promise/always-return': 'off',
    'promise/no-callback-in-promise': 'off',
    'promise/no-promise-in-callback': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/require-post-message-target-origin': 'off',
  },
  overrides: [
    {
      files: ['test/**'],
      rules: {
        // Programs that report on a terminal, messages that are read to be compared, and JSON Schema, which has a
        // keyword `then`.
        'no-console': 'off',
        'typescript/no-explicit-any': 'off',
        'typescript/no-unsafe-member-access': 'off',
        'unicorn/no-thenable': 'off',
        // Properties state what holds under a condition.
        'vitest/no-conditional-expect': 'off',
        'vitest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*', 'assert*', 'fc.assert'] }],
      },
    },
    ...importTableOverrides,
    {
      // A construct of the CDK is part of its parent as soon as it is made.
      files: ['infra/**', 'test/infra/**'],
      rules: { 'no-new': 'off' },
    },
    {
      files: core.map((place) => (place.endsWith('.ts') ? place : `${place}/**`)),
      excludeFiles: [schemaCommand],
      rules: {
        'no-restricted-globals': [
          'error',
          {
            globals: ambient.map((name) => ({
              name,
              message: 'The core gets time, chance and I/O through lib/ports.ts.',
            })),
            checkGlobalObject: true,
          },
        ],
        'no-restricted-properties': [
          'error',
          { object: 'AbortSignal', property: 'timeout', message: 'The core gets time through lib/ports.ts.' },
          { object: 'Math', property: 'random', message: 'The core gets chance through lib/ports.ts.' },
        ],
        'import/no-dynamic-require': ['error', { esmodule: true }],
      },
    },
  ],
});
