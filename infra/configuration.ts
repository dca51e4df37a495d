import { readFileSync } from 'node:fs';
import { deploymentProblems } from '../lib/config/deployment.ts';
import { parseConfig, UNSAID } from '../lib/config/load.ts';
import { formatProblems, type Problem } from '../lib/config/problems.ts';
import type { GatewayConfig } from '../lib/config/schema.ts';
import { SynthError } from './synth-error.ts';

/** From a file that must hold what can be deployed. Throws a `SynthError` that lists everything that is wrong. */
export function readConfiguration(file: string): GatewayConfig {
  const result = parseConfig(readText(file), UNSAID.deployed);
  if (!result.ok) throw refusal(result.problems, file);
  const problems = deploymentProblems(result.config);
  if (problems.length > 0) throw refusal(problems, file);
  return result.config;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const fault = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
    throw new SynthError(
      `${file}: ${fault}\n  Write the configuration there (docs/configuration.md), or name another with -c config=FILE`,
      { cause: error },
    );
  }
}

function refusal(problems: readonly Problem[], file: string): SynthError {
  return new SynthError(formatProblems(problems, file));
}
