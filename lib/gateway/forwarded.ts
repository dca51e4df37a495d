import type { ServerUpstream } from '../catalog/plan.ts';
import { forwardedHeaders } from '../upstream/streamable-http.ts';
import type { Work } from './work.ts';

/** As a header can be written: a byte for each character (RFC 9110, section 5.5). */
const SENDABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The first of the client's headers that some upstream is to get and that cannot be sent; undefined when there is none. */
export function unsendableHeader({ shared, clientHeaders }: Work): string | undefined {
  return shared.forwarded.find((name) => !SENDABLE.test(clientHeaders[name] ?? ''));
}

/**
 * Stands for what an upstream is sent of its client's own headers; undefined for nothing. What it says may depend on them,
 * so that neither its lists nor its sessions are for anyone who sent something else.
 */
export function forwardedDigest({ ports, clientHeaders }: Work, { config }: ServerUpstream): string | undefined {
  const sent = Object.entries(forwardedHeaders(config, clientHeaders));
  return sent.length === 0 ? undefined : ports.ids.digest(JSON.stringify(sent));
}
