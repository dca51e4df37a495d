/**
 * Has cfn-lint look at the templates: `cfn-lint`, or what the variable CFN_LINT names. Exit status 1 when it finds
 * something, and 75 when there is none, so that nothing was looked at.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openApp } from '../../infra/app.ts';
import { SluiceStack } from '../../infra/stack.ts';
import { configOf, emptyCode, OPEN, WHOLE } from './samples.ts';

const LINTER = process.env['CFN_LINT'] ?? 'cfn-lint';

/** `EX_TEMPFAIL` of sysexits.h: nothing failed, and nothing was done. */
const NOT_LINTED = 75;

/** Undefined when there is none. */
function linterVersion(): string | undefined {
  const { status, stdout } = spawnSync(LINTER, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function lint(folder: string): boolean {
  const app = openApp({ outdir: join(folder, 'assembly') });
  const code = emptyCode(folder);
  const stacks = [
    new SluiceStack(app, 'Whole', { config: configOf(WHOLE), code }),
    new SluiceStack(app, 'Open', { config: configOf(OPEN), code }),
  ];
  app.synth();
  const templates = stacks.map(({ templateFile }) => join(app.outdir, templateFile));
  return spawnSync(LINTER, templates, { stdio: 'inherit' }).status === 0;
}

const version = linterVersion();
if (version === undefined) {
  console.log(`The templates were not linted: ${LINTER} is not installed (pip install cfn-lint==1.58.0)`);
  process.exitCode = NOT_LINTED;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-lint-'));
  const isClean = lint(folder);
  rmSync(folder, { recursive: true, force: true });
  console.log(isClean ? `${version} finds nothing` : `${version} finds what is above`);
  process.exitCode = isClean ? 0 : 1;
}
