/** How an upstream is reached: at a URL or by running a command, and which keys go with which. */
import { entriesOf, fieldsOf } from './fields.ts';
import { finding } from './problems.ts';
import { REACH } from './upstream-schema.ts';
import type { Fields } from './fields.ts';
import type { Finding, Keys } from './problems.ts';

type Way = keyof typeof REACH;

/** Exactly one of the two, and an era that can be spoken that way. */
export function reachFindings(keys: Keys, upstream: Fields): Finding[] {
  return [...wayFindings(keys, waysOf(upstream)), ...transportFindings([...keys, 'transport'], upstream)];
}

function wayFindings(keys: Keys, ways: readonly Way[]): Finding[] {
  if (ways.length === 1) return [];
  if (ways.length > 1)
    return [finding([...keys, 'command'], 'no command beside a url: an upstream has one of the two')];
  return [finding([...keys, 'url'], 'the URL of an MCP endpoint, or a command in its place', 'nothing')];
}

/** HTTP+SSE ended with the legacy era. */
function transportFindings(keys: Keys, { transport, era }: Fields): Finding[] {
  if (transport !== 'sse' || era !== 'modern') return [];
  return [finding(keys, '"http", because the modern era is not spoken over HTTP+SSE', '"sse"')];
}

/**
 * Keys that have no meaning for the way their upstream is reached. Whatever else is wrong with their values does not
 * matter, so these findings go before all others.
 */
export function strayKeys(file: unknown): Finding[] {
  return entriesOf(fieldsOf(file)['upstreams']).flatMap(([name, upstream]) =>
    strayKeysOf(['upstreams', name], fieldsOf(upstream)),
  );
}

function strayKeysOf(keys: Keys, upstream: Fields): Finding[] {
  const [way, second] = waysOf(upstream);
  if (way === undefined || second !== undefined) return [];
  const other = way === 'url' ? 'command' : 'url';
  const expected = `no such key: it is for an upstream that has a ${other}, and this one has a ${way}`;
  const stray = REACH[other].filter((key) => upstream[key] !== undefined).map((key) => [...keys, key]);
  const strayInTools = way === 'url' ? [] : connectLimits([...keys, 'tools'], upstream['tools']);
  return [...stray, ...strayInTools].map((place) => finding(place, expected));
}

/** The only keys among the limits of tools that are for a URL. */
function connectLimits(keys: Keys, tools: unknown): Keys[] {
  return entriesOf(tools)
    .filter(([, limits]) => fieldsOf(limits)['connectTimeoutMs'] !== undefined)
    .map(([tool]) => [...keys, tool, 'connectTimeoutMs']);
}

function waysOf(upstream: Fields): Way[] {
  return (['url', 'command'] as const).filter((way) => upstream[way] !== undefined);
}
