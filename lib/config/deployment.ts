/** What works, or is safe, on one's own machine only: what must not be in a configuration that is deployed. */
import { finding, toProblems } from './problems.ts';
import type { Finding, Problem } from './problems.ts';
import type { AuthConfig, GatewayConfig, UpstreamConfig } from './schema.ts';

/** One problem for each thing that cannot be deployed, in the order of the file; none when all is well. */
export function deploymentProblems(config: GatewayConfig): readonly Problem[] {
  const findings = Object.entries(config.upstreams).flatMap(([name, upstream]) => [
    ...unreachable(['upstreams', name], upstream),
    ...plainCredentials(['upstreams', name, 'headers'], upstream),
  ]);
  return toProblems([...findings, ...unintended(config.auth)], config);
}

function unreachable(keys: readonly string[], upstream: UpstreamConfig): Finding[] {
  if (upstream.stdio) {
    return [finding([...keys, 'command'], 'a url in its place: commands are run by the local gateway only')];
  }
  const address = ownAddress(upstream.url);
  if (address === undefined) return [];
  return [finding([...keys, 'url'], 'an address that can be reached from where the gateway is deployed', address)];
}

/** 127.0.0.0/8 (RFC 6890), alone or mapped into IPv6, where the first byte is 7f. */
const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|\[::1\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])$/;
/** Names that always mean the machine itself (RFC 6761, section 6.3). */
const LOCALHOST = /^(?:.+\.)?localhost\.?$/;
const UNSPECIFIED = /^(?:0\.0\.0\.0|\[::\]|\[::ffff:0:0\])$/;

/** What kind of address of the machine itself a URL has; undefined for any other. Parsing brings it into one notation. */
function ownAddress(url: string): string | undefined {
  const { hostname } = new URL(url);
  if (LOOPBACK.test(hostname) || LOCALHOST.test(hostname)) return 'a loopback address';
  return UNSPECIFIED.test(hostname) ? 'the unspecified address' : undefined;
}

/** Names that servers give to the headers which let somebody in. */
const CREDENTIAL_NAME = /(?:^|[-_])(?:api-?key|token|secret|password|credentials?)(?:[-_]|$)/;

/** Whoever may read the function may read the file that is deployed with it. */
function plainCredentials(keys: readonly string[], { headers }: UpstreamConfig): Finding[] {
  return Object.entries(headers)
    .filter(([name, value]) => typeof value === 'string' && CREDENTIAL_NAME.test(name))
    .map(([name]) => finding([...keys, name], 'the reference to a secret, { "secret": NAME }'));
}

function unintended(auth: AuthConfig): Finding[] {
  if (auth.mode !== 'none' || auth.iUnderstandThisIsOpen) return [];
  const expected = 'true, because everyone who knows the address may then call everything; or the mode "iam"';
  return [finding(['auth', 'iUnderstandThisIsOpen'], expected)];
}
