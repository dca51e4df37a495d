/** Configuration files to start from, and what the gateway makes of them. */
import { parseConfig, resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { formatProblems } from '../../lib/config/problems.ts';
import type { Problem } from '../../lib/config/problems.ts';
import type { GatewayConfig } from '../../lib/config/schema.ts';

export const URL_OF_TIME = 'http://127.0.0.1:9081/mcp';

/** A small file that is right, with these fields in its only upstream. */
export function withUpstream(fields: object, name = 'time'): unknown {
  return {
    upstreams: { [name]: { url: URL_OF_TIME, ...fields } },
    servers: { default: { upstreams: [name] } },
  };
}

/** A small file that is right, whose only upstream is a command, with these fields in it. */
export function withCommand(fields: object): unknown {
  return withUpstream({ url: undefined, command: 'mcp-server-time', ...fields });
}

/** A small file that is right, with these fields in its only virtual server. */
export function withServer(fields: object): unknown {
  return {
    upstreams: { time: { url: URL_OF_TIME } },
    servers: { default: { upstreams: ['time'], ...fields } },
  };
}

/** A small file that is right, with these fields at the top. */
export function withTop(fields: object): unknown {
  return { ...(withUpstream({}) as object), ...fields };
}

/** The resolved configuration of a file in which nothing may be wrong. */
export function configOf(file: unknown): GatewayConfig {
  const result = resolveConfig(file, UNSAID.deployed);
  if (!result.ok) throw new Error(formatProblems(result.problems, 'a file that should be right'));
  return result.config;
}

/** What is wrong with a file; empty when nothing is. */
export function problemsOf(file: unknown): readonly Problem[] {
  const result = resolveConfig(file, UNSAID.deployed);
  return result.ok ? [] : result.problems;
}

export function pathsOf(file: unknown): string[] {
  return problemsOf(file).map(({ path }) => path);
}

export function problemsOfText(text: string): readonly Problem[] {
  const result = parseConfig(text, UNSAID.deployed);
  return result.ok ? [] : result.problems;
}
