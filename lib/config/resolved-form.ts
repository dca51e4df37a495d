/**
 * A resolved configuration is read as a file as well. It differs from one where an upstream is a command: there the file
 * has the keys that users know from MCP clients side by side, and no key that is for a URL.
 */
import { entriesOf, fieldsOf, isFields } from './fields.ts';
import { REACH, defaultConnectTimeoutMs } from './upstream-schema.ts';
import type { Fields } from './fields.ts';

const STDIO_KEYS: readonly string[] = ['command', ...REACH.command];

/** The file that resolves to this; what is no resolved configuration is returned as it is. */
export function asFile(value: unknown): unknown {
  const file = fieldsOf(value);
  const upstreams = entriesOf(file['upstreams']);
  if (!upstreams.some(([, upstream]) => isResolvedStdio(upstream))) return value;
  return {
    ...file,
    upstreams: Object.fromEntries(upstreams.map(([name, upstream]) => [name, upstreamFile(upstream)])),
  };
}

/** The file can have neither an empty URL nor this key, so nothing of a file is taken for something else. */
function isResolvedStdio(upstream: unknown): upstream is Fields & { readonly stdio: Fields } {
  if (!isFields(upstream) || upstream['url'] !== '' || !isFields(upstream['stdio'])) return false;
  return Object.keys(upstream['stdio']).every((key) => STDIO_KEYS.includes(key));
}

/** Leaves out what resolving adds for the sake of the type, and nothing that says more than that. */
function upstreamFile(upstream: unknown): unknown {
  if (!isResolvedStdio(upstream)) return upstream;
  const { url: _, stdio, headers, forwardHeaders, connectTimeoutMs, ...rest } = upstream;
  return {
    ...rest,
    ...stdio,
    ...(isFields(headers) && Object.keys(headers).length === 0 ? {} : { headers }),
    ...(Array.isArray(forwardHeaders) && forwardHeaders.length === 0 ? {} : { forwardHeaders }),
    ...(connectTimeoutMs === defaultConnectTimeoutMs(rest['timeoutMs']) ? {} : { connectTimeoutMs }),
  };
}
