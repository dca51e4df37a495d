/** What must hold between the keys of one upstream: its prefix, its limits, and which headers it is sent. */
import { entriesOf, fieldsOf } from './fields.ts';
import { forwardFindings, headerFindings } from './header-rules.ts';
import { badNames } from './names.ts';
import { finding } from './problems.ts';
import { reachFindings } from './reach-rules.ts';
import { KEYS } from './shapes.ts';
import { DEFAULT_TIMEOUT_MS, PREFIX_PATTERN } from './upstream-schema.ts';
import type { Fields } from './fields.ts';
import type { Finding, Keys } from './problems.ts';

export function upstreamFindings(name: string, upstream: Fields): Finding[] {
  const keys = ['upstreams', name];
  const { url, headers, forwardHeaders, env, tools } = upstream;
  return [
    ...prefixFindings(keys, name, upstream),
    ...reachFindings(keys, upstream),
    ...urlFindings([...keys, 'url'], url),
    ...headerFindings([...keys, 'headers'], headers),
    ...forwardFindings([...keys, 'forwardHeaders'], forwardHeaders, headers, upstream['pin']),
    ...variableFindings([...keys, 'env'], env),
    ...deadlineFindings(keys, upstream),
    ...badNames(tools, [...keys, 'tools'], KEYS.toolName),
    ...entriesOf(tools).flatMap(([tool, limits]) => toolFindings([...keys, 'tools', tool], fieldsOf(limits), upstream)),
  ];
}

/** What goes before the names of an upstream's tools; undefined when the file does not say it correctly. */
export function prefixOf(name: string, upstream: Fields): string | undefined {
  const prefix = upstream['prefix'] ?? name;
  return typeof prefix === 'string' && PREFIX_PATTERN.test(prefix) ? prefix : undefined;
}

function prefixFindings(keys: Keys, name: string, upstream: Fields): Finding[] {
  if (upstream['prefix'] !== undefined || prefixOf(name, upstream) !== undefined || !KEYS.name.pattern.test(name)) {
    return [];
  }
  const expected = "a prefix of at most 20 characters, because the upstream's name is too long to be one";
  return [finding([...keys, 'prefix'], expected, 'nothing')];
}

/** The shape has seen to the scheme, credentials and fragment; whether host and port are possible is left. */
function urlFindings(keys: Keys, url: unknown): Finding[] {
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || URL.canParse(url)) return [];
  return [finding(keys, 'a URL with a valid host and port')];
}

/** Of a name with `=` only what is before it is shown: it is likely a variable and its value in one text. */
function variableFindings(keys: Keys, env: unknown): Finding[] {
  return badNames(env, keys, KEYS.variableName).map((bad) => ({
    ...bad,
    keys: bad.keys.map((key) => String(key).replace(/=[^]*/, '=...')),
  }));
}

/** Limits that could never be reached are mistakes. A default gives way to the total instead. */
function deadlineFindings(keys: Keys, upstream: Fields): Finding[] {
  return partsOfTotal(keys, upstream, upstream['timeoutMs'] ?? DEFAULT_TIMEOUT_MS);
}

function toolFindings(keys: Keys, tool: Fields, upstream: Fields): Finding[] {
  return partsOfTotal(keys, tool, tool['timeoutMs'] ?? upstream['timeoutMs'] ?? DEFAULT_TIMEOUT_MS);
}

/** The limits that are configured here for parts of a call with this total. */
function partsOfTotal(keys: Keys, limits: Fields, timeoutMs: unknown): Finding[] {
  const total = milliseconds(timeoutMs);
  return ['connectTimeoutMs', 'idleTimeoutMs'].flatMap((limit) => atMostTotal([...keys, limit], limits[limit], total));
}

function atMostTotal(keys: Keys, limit: unknown, total: number | undefined): Finding[] {
  const value = milliseconds(limit);
  if (value === undefined || total === undefined || value <= total) return [];
  return [finding(keys, `at most the total limit of the call, ${total}`, String(value))];
}

/** A limit of the right shape: of a wrong one, nothing else needs to be said. */
function milliseconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 ? value : undefined;
}
