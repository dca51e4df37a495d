/** What stacks of the tests are made of. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FunctionCode } from '../../infra/code.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import type { GatewayConfig } from '../../lib/config/schema.ts';

/** The least that can be deployed. */
export const LEAST = {
  upstreams: { time: { url: 'https://time.example/mcp' } },
  servers: { default: { upstreams: ['time'] } },
};

/** With everything but an open door. */
export const WHOLE = {
  upstreams: {
    time: {
      url: 'https://time.example/mcp',
      headers: {
        authorization: { secret: 'time/token', prefix: 'Bearer ' },
        'x-team': { secret: '/teams/search', store: 'ssm' },
      },
      tools: { report: { timeoutMs: 600_000 } },
    },
    word: { url: 'https://word.example/mcp' },
  },
  servers: { default: { upstreams: ['time', 'word'] }, 'team-1': { upstreams: ['time'] } },
  deployment: {
    memoryMb: 1024,
    logRetentionDays: 90,
    reservedConcurrency: 5,
    alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:on-call',
    tracing: { perSecond: 1, rate: 0.1 },
  },
};

/** With as little as there can be, and an open door. */
export const OPEN = {
  upstreams: { time: { url: 'https://time.example/mcp' } },
  servers: { default: { upstreams: ['time'] } },
  auth: { mode: 'none', iUnderstandThisIsOpen: true },
  refresh: 'off',
  deployment: { monitoring: false, tracing: 'off' },
};

/** Of what a configuration file would hold besides `LEAST`. */
export function configOf(file: object): GatewayConfig {
  const resolved = resolveConfig({ ...LEAST, ...file }, UNSAID.deployed);
  if (!resolved.ok) throw new Error(formatProblems(resolved.problems, 'test configuration'));
  return resolved.config;
}

/** Functions that do nothing, in `folder`. */
export function emptyCode(folder: string): FunctionCode {
  const code = mkdtempSync(join(folder, 'code-'));
  writeFileSync(join(code, 'index.mjs'), '');
  return { mcp: code, refresh: code };
}
