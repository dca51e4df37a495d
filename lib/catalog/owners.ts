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
    lists.find(({ templates }) =>
      has(templates?.slice(0, MAX_TEMPLATES), 'uriTemplate', (template) => matchesTemplate(template, uri)),
    );
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

/** Longer templates and URIs than these match nothing, in expressions and characters. */
const MAX_EXPRESSIONS = 10;
const MAX_URI_CHARS = 2048;

/** Of each upstream, no more templates than these are tried. */
const MAX_TEMPLATES = 200;

/**
 * Whether a URI can be an expansion of a template (RFC 6570). A simple expression stands for text without `/`, `?` and
 * `#`, which it would have encoded; one with an operator for any text, or none. Looked at part by part, with all the
 * places where the rest may begin, so that a hostile template costs no more than a long one.
 */
export function matchesTemplate(template: string, uri: string): boolean {
  const parts = template.split(/\{([^{}]*)\}/);
  if (parts.length > 2 * MAX_EXPRESSIONS + 1 || uri.length > MAX_URI_CHARS) return false;
  // Most templates are of other kinds of URIs, which their beginning tells.
  if (!uri.startsWith(parts[0] ?? '')) return false;
  let starts = new Set([0]);
  for (const [index, part] of parts.entries()) {
    starts = index % 2 === 0 ? afterLiteral(part, uri, starts) : afterExpression(part, uri, starts);
  }
  return starts.has(uri.length);
}

function afterLiteral(literal: string, uri: string, starts: ReadonlySet<number>): Set<number> {
  return new Set([...starts].filter((at) => uri.startsWith(literal, at)).map((at) => at + literal.length));
}

function afterExpression(expression: string, uri: string, starts: ReadonlySet<number>): Set<number> {
  const isSimple = !/^[+#./;?&]/.test(expression);
  const ends = new Set<number>(isSimple ? [] : starts);
  let open = false;
  for (let at = 0; at < uri.length; at += 1) {
    open ||= starts.has(at);
    if (isSimple && /[/?#]/.test(uri.charAt(at))) open = false;
    if (open) ends.add(at + 1);
  }
  return ends;
}
