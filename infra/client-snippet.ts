/** What a client's configuration needs to reach the gateway, in the form that most clients read. */
import type { AuthConfig } from '../lib/config/schema.ts';

/** Signs requests for clients that cannot; from PyPI, run by `uvx`. */
const SIGNING_PROXY = 'mcp-proxy-for-aws==1.7.0';
/** The longest that it waits for a tool when it is not told otherwise. */
const PROXY_TIMEOUT_SECONDS = 300;

export interface ClientSnippetInput {
  readonly auth: AuthConfig;
  /** Of the virtual server. */
  readonly url: string;
  readonly region: string;
  /** Timeout of the function. */
  readonly timeoutSeconds: number;
}

/** A value for JSON. */
export function clientSnippet(input: ClientSnippetInput): object {
  const sluice = input.auth.mode === 'none' ? { type: 'http', url: input.url } : signed(input);
  return { mcpServers: { sluice } };
}

function signed({ url, region, timeoutSeconds }: ClientSnippetInput): object {
  const patience = timeoutSeconds > PROXY_TIMEOUT_SECONDS ? ['--tool-timeout', String(timeoutSeconds)] : [];
  return {
    command: 'uvx',
    args: [SIGNING_PROXY, url, '--service', 'lambda', '--region', region, ...patience],
    // It does not start without, not even when it is told the region.
    env: { AWS_REGION: region },
  };
}
