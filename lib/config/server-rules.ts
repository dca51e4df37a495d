/** What must hold between a virtual server and the upstreams it shows. */
import { fieldsOf, itemsOf } from './fields.ts';
import { finding, found, quoted } from './problems.ts';
import { MOST_UPSTREAMS_OF_SERVER } from './schema.ts';
import { prefixOf } from './upstream-rules.ts';
import type { Fields } from './fields.ts';
import type { Finding, Keys } from './problems.ts';

export function serverFindings(name: string, server: Fields, upstreams: Fields): Finding[] {
  const keys = ['servers', name];
  return [
    ...selectionFindings([...keys, 'upstreams'], server['upstreams'], upstreams),
    ...patternFindings([...keys, 'tools'], server['tools'], prefixesOf(server['upstreams'], upstreams)),
  ];
}

/** The upstreams that a virtual server names: they exist, differ, have a prefix of their own, and are not too many. */
function selectionFindings(keys: Keys, selection: unknown, upstreams: Fields): Finding[] {
  if (!Array.isArray(selection)) return [];
  const names = itemsOf(selection);
  const findings = names.flatMap((name, index) => {
    if (typeof name !== 'string') return [];
    if (!Object.hasOwn(upstreams, name)) return [finding([...keys, index], 'the name of an upstream', found(name))];
    if (names.indexOf(name) < index) return [finding([...keys, index], 'each upstream once', found(name))];
    const prefix = prefixOf(name, fieldsOf(upstreams[name]));
    const rival = names.slice(0, index).find((other) => samePrefix(other, prefix, upstreams));
    if (rival === undefined) return [];
    const expected = 'an upstream with a prefix of its own, among the upstreams of one virtual server';
    return [finding([...keys, index], expected, `the prefix ${quoted(prefix!)} of ${found(rival)} as well`)];
  });
  if (names.length === 0) findings.push(finding(keys, 'at least one upstream', 'none'));
  if (names.length > MOST_UPSTREAMS_OF_SERVER) {
    findings.push(finding(keys, `at most ${MOST_UPSTREAMS_OF_SERVER} upstreams`, String(names.length)));
  }
  return findings;
}

function samePrefix(name: unknown, prefix: string | undefined, upstreams: Fields): boolean {
  if (typeof name !== 'string' || prefix === undefined || !Object.hasOwn(upstreams, name)) return false;
  return prefixOf(name, fieldsOf(upstreams[name])) === prefix;
}

/** Prefixes of the named upstreams; undefined when one of them is not known, so that nothing can be said of patterns. */
function prefixesOf(selection: unknown, upstreams: Fields): string[] | undefined {
  const prefixes = itemsOf(selection).map((name) =>
    typeof name === 'string' && Object.hasOwn(upstreams, name) ? prefixOf(name, fieldsOf(upstreams[name])) : undefined,
  );
  const known = prefixes.filter((prefix) => prefix !== undefined);
  return known.length > 0 && known.length === prefixes.length ? known : undefined;
}

function patternFindings(keys: Keys, patterns: unknown, prefixes: readonly string[] | undefined): Finding[] {
  if (prefixes === undefined || prefixes.includes('')) return [];
  return itemsOf(patterns).flatMap((pattern, index) => {
    if (typeof pattern !== 'string' || pattern === '') return [];
    if (prefixes.some((prefix) => canMatch(pattern, `${prefix}__`))) return [];
    const beginnings = prefixes.map((prefix) => quoted(`${prefix}__`)).join(' or ');
    return [finding([...keys, index], `a pattern of names that begin with ${beginnings}`, found(pattern))];
  });
}

/** Whether a pattern matches any name that is `beginning` and at least one more character. */
function canMatch(pattern: string, beginning: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern.startsWith(beginning) && pattern.length > beginning.length;
  const literal = pattern.slice(0, star);
  return literal.startsWith(beginning) || beginning.startsWith(literal);
}
