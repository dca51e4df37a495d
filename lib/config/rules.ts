/**
 * The rules of the configuration file that its shape cannot express, because they span several keys or are about a key
 * itself. They read the file as it is and skip whatever has the wrong shape, so that one pass over the shape and one
 * over the rules find everything that is wrong.
 */
import { entriesOf, fieldsOf, isFields, itemsOf } from './fields.ts';
import { badNames } from './names.ts';
import { finding, found } from './problems.ts';
import { KEYS } from './shapes.ts';
import { secretFindings } from './secrets.ts';
import { serverFindings } from './server-rules.ts';
import { upstreamFindings } from './upstream-rules.ts';
import type { Finding, Keys } from './problems.ts';

export function brokenRules(file: unknown): Finding[] {
  const { upstreams, servers, origins } = fieldsOf(file);
  return [
    ...badNames(upstreams, ['upstreams'], KEYS.name),
    ...badNames(servers, ['servers'], KEYS.name),
    ...atLeastOne(upstreams, ['upstreams'], 'at least one upstream'),
    ...atLeastOne(servers, ['servers'], 'at least one virtual server'),
    ...entriesOf(upstreams).flatMap(([name, upstream]) => (isFields(upstream) ? upstreamFindings(name, upstream) : [])),
    ...secretFindings(upstreams),
    ...entriesOf(servers).flatMap(([name, server]) => serverFindings(name, fieldsOf(server), fieldsOf(upstreams))),
    ...itemsOf(origins).flatMap((origin, index) => originFindings(['origins', index], origin)),
  ];
}

function atLeastOne(section: unknown, keys: Keys, expected: string): Finding[] {
  return isFields(section) && Object.keys(section).length === 0 ? [finding(keys, expected, 'none')] : [];
}

const ANY_PORT = /:\*$/;
const LOOPBACK = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])$/;

/** An origin is compared as text, so it must be written as browsers do (RFC 6454, section 6.2). */
function originFindings(keys: Keys, origin: unknown): Finding[] {
  if (typeof origin !== 'string' || !/^https?:\/\//.test(origin)) return [];
  const fixed = origin.replace(ANY_PORT, '');
  if (fixed !== origin && !LOOPBACK.test(fixed)) {
    return [finding(keys, 'a port other than *, which is for localhost, 127.0.0.1 and [::1] only', found(origin))];
  }
  if (URL.canParse(fixed) && new URL(fixed).origin === fixed) return [];
  return [
    finding(keys, 'an origin as browsers send it, with a valid host and without the default port', found(origin)),
  ];
}
