import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runProgram } from '../interop/program.ts';

const LINT = fileURLToPath(new URL('lint.ts', import.meta.url));

test('templates that no linter has looked at do not pass for clean ones', async () => {
  const circumstances = { limitMs: 60_000, variables: { CFN_LINT: '/nowhere/cfn-lint' } };
  const { stdout, ending } = await runProgram([process.execPath, LINT], circumstances);
  expect(ending).toBe('exit 75');
  expect(stdout).toBe(
    'The templates were not linted: /nowhere/cfn-lint is not installed (pip install cfn-lint==1.58.0)\n',
  );
});
