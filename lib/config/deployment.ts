/** What works, or is safe, on one's own machine only: what must not be in a configuration that is deployed. */
import { finding, toProblems } from './problems.ts';
import { secretReferences } from './secrets.ts';
import { LONGEST_FUNCTION_MS, LONGEST_TOOL_MS } from './upstream-schema.ts';
import type { Finding, Problem } from './problems.ts';
import type { AuthConfig, GatewayConfig, UpstreamConfig } from './schema.ts';

/** One problem for each thing that cannot be deployed, in the order of the file; none when all is well. */
export function deploymentProblems(config: GatewayConfig): readonly Problem[] {
  const findings = Object.entries(config.upstreams).flatMap(([name, upstream]) => [
    ...unreachable(['upstreams', name], upstream),
    ...credentialsInUrl(['upstreams', name, 'url'], upstream),
    ...plainCredentials(['upstreams', name, 'headers'], upstream),
    ...outlasting(['upstreams', name, 'timeoutMs'], upstream),
  ]);
  return toProblems([...findings, ...tooManySecrets(config), ...unintended(config.auth)], config);
}

function unreachable(keys: readonly string[], upstream: UpstreamConfig): Finding[] {
  if (upstream.stdio) {
    return [finding([...keys, 'command'], 'a url in its place: commands are run by the local gateway only')];
  }
  const address = ownAddress(upstream.url);
  if (address === undefined) return [];
  return [finding([...keys, 'url'], 'an address that can be reached from where the gateway is deployed', address)];
}

/** 127.0.0.0/8 (RFC 6890), alone or in IPv6, where the first byte is 7f. */
const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|\[::1\]|\[::(?:ffff:)?7f[0-9a-f]{2}:[0-9a-f]{1,4}\])$/;
/** 169.254.0.0/16 (RFC 3927), where the platform keeps what is for the function itself, and fe80::/10 (RFC 4291). */
const LINK_LOCAL = /^(?:169\.254\.\d+\.\d+|\[::(?:ffff:)?a9fe:[0-9a-f]{1,4}\]|\[fe[89ab][0-9a-f]:.*\])$/;
/** Names that always mean the machine itself (RFC 6761, section 6.3). */
const LOCALHOST = /^(?:.+\.)?localhost\.?$/;
const UNSPECIFIED = /^(?:0\.0\.0\.0|\[::\]|\[::ffff:0:0\])$/;

/** What kind of address of the machine itself a URL has; undefined for any other. Parsing brings it into one notation. */
function ownAddress(url: string): string | undefined {
  const { hostname } = new URL(url);
  if (LOOPBACK.test(hostname) || LOCALHOST.test(hostname)) return 'a loopback address';
  if (LINK_LOCAL.test(hostname)) return 'a link-local address';
  return UNSPECIFIED.test(hostname) ? 'the unspecified address' : undefined;
}

/** Names that servers give to what lets somebody in: a guess, which is right about those that are in use. */
const CREDENTIAL_NAME =
  /(?:^|[-_.])(?:api-?key|key|auth|authentication|auth-?token|token|secret|password|passwd|credentials?|sig|signature)(?:[-_.]|$)/i;

/** What is in a URL is sent as it is written, and would be in the file. */
function credentialsInUrl(keys: readonly string[], { url, headers }: UpstreamConfig): Finding[] {
  if (url === '') return [];
  const { protocol, searchParams } = new URL(url);
  if ([...searchParams.keys()].some((name) => CREDENTIAL_NAME.test(name))) {
    return [finding(keys, 'no credentials in its query: a header with the reference to a secret, { "secret": NAME }')];
  }
  const isSecret = Object.values(headers).some((value) => typeof value !== 'string');
  return protocol === 'http:' && isSecret ? [finding(keys, 'https, because a secret is sent there')] : [];
}

/** Whoever may read the function may read the file that is deployed with it. */
function plainCredentials(keys: readonly string[], { headers }: UpstreamConfig): Finding[] {
  return Object.entries(headers)
    .filter(([name, value]) => typeof value === 'string' && CREDENTIAL_NAME.test(name))
    .map(([name]) => finding([...keys, name], 'the reference to a secret, { "secret": NAME }'));
}

/** Each is a grant, and the grants of a role have 10,240 characters together (IAM, "quotas"). */
const MOST_SECRETS = 50;

function tooManySecrets(config: GatewayConfig): Finding[] {
  const stored = new Set(secretReferences(config).map(({ reference }) => `${reference.store} ${reference.secret}`));
  if (stored.size <= MOST_SECRETS) return [];
  return [finding(['upstreams'], `at most ${MOST_SECRETS} different secrets`, String(stored.size))];
}

/** Tools cannot be given more in the first place. */
function outlasting(keys: readonly string[], { timeoutMs }: UpstreamConfig): Finding[] {
  if (timeoutMs <= LONGEST_TOOL_MS) return [];
  const expected = `at most ${LONGEST_TOOL_MS}: a function ends after ${LONGEST_FUNCTION_MS / 1000} s`;
  return [finding(keys, expected, String(timeoutMs))];
}

function unintended(auth: AuthConfig): Finding[] {
  if (auth.mode !== 'none' || auth.iUnderstandThisIsOpen) return [];
  const expected = 'true, because everyone who knows the address may then call everything; or the mode "iam"';
  return [finding(['auth', 'iUnderstandThisIsOpen'], expected)];
}
