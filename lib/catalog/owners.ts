/**
 * Who has a resource: the first upstream in configured order that lists its URI; else the first with a template that
 * matches; else any that has resources at all, in order.
 */
import { isObject, parseJson } from '../protocol/message.ts';
import type { ServerUpstream } from './plan.ts';

/** What is known of the resources of one upstream. */
export interface ResourceLists {
  readonly upstream: ServerUpstream;
  /** JSON texts of the items; undefined when the list cannot be had, so that nothing is known. */
  readonly resources: readonly string[] | undefined;
  readonly templates: readonly string[] | undefined;
  /** False when the upstream knows nothing of resources. */
  readonly hasResources: boolean;
}

/** The upstreams to try, in order; the first has the resource if it is listed or matches a template. */
export function candidatesFor(uri: string, lists: readonly ResourceLists[]): readonly ServerUpstream[] {
  const owner =
    lists.find(({ resources }) => has(resources, 'uri', (listed) => listed === uri)) ??
    lists.find(({ templates }) => has(templates, 'uriTemplate', (template) => template === uri)) ??
    lists.find(({ templates }) => has(templates, 'uriTemplate', (template) => matchesTemplate(template, uri)));
  return owner === undefined
    ? lists.filter(({ hasResources }) => hasResources).map(({ upstream }) => upstream)
    : [owner.upstream];
}

function has(items: readonly string[] | undefined, member: string, test: (value: string) => boolean): boolean {
  return (items ?? []).some((text) => {
    const item = parseJson(text);
    const value = isObject(item) ? item[member] : undefined;
    return typeof value === 'string' && test(value);
  });
}

/**
 * Whether a URI can be an expansion of a template (RFC 6570). A simple expression stands for text without `/`, `?` and
 * `#`, which it would have encoded; one with an operator for any text. Each literal is taken where it comes first, so
 * that a hostile template costs no more than a long one.
 */
export function matchesTemplate(template: string, uri: string): boolean {
  const parts = template.split(/\{([^{}]*)\}/);
  let at = 0;
  for (let index = 0; index < parts.length; index += 2) {
    const literal = parts[index] ?? '';
    const expression = parts[index - 1];
    const isLast = index === parts.length - 1;
    const found = isLast && expression !== undefined ? lastPlace(literal, uri, at) : uri.indexOf(literal, at);
    if (found === -1 || (expression === undefined && found !== at)) return false;
    if (expression !== undefined && !canExpandTo(expression, uri.slice(at, found))) return false;
    at = found + literal.length;
  }
  return at === uri.length;
}

function lastPlace(literal: string, uri: string, from: number): number {
  const at = uri.length - literal.length;
  return at >= from && uri.endsWith(literal) ? at : -1;
}

function canExpandTo(expression: string, text: string): boolean {
  return /^[+#./;?&]/.test(expression) || (text !== '' && !/[/?#]/.test(text));
}
