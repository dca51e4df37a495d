import type { ServerUpstream } from '../catalog/plan.ts';
import { forwardedHeaders } from '../upstream/streamable-http.ts';
import type { Work } from './work.ts';

/**
 * Stands for what an upstream is sent of its client's own headers; undefined for nothing. What it says may depend on them,
 * so that neither its lists nor its sessions are for anyone who sent something else.
 */
export function forwardedDigest({ ports, clientHeaders }: Work, { config }: ServerUpstream): string | undefined {
  const sent = Object.entries(forwardedHeaders(config, clientHeaders));
  return sent.length === 0 ? undefined : ports.ids.digest(JSON.stringify(sent));
}
