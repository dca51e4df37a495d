/**
 * Names of tools and prompts behind a prefix. `<prefix>__<name>` routes by its prefix alone, without a catalog; an
 * empty prefix passes names through.
 */
const SEPARATOR = '__';

/** The name a client sees. */
export function toClientName(prefix: string, upstreamName: string): string {
  return prefix === '' ? upstreamName : prefix + SEPARATOR + upstreamName;
}

/** The name the upstream knows; undefined when the name is not behind this prefix. */
export function toUpstreamName(prefix: string, clientName: string): string | undefined {
  if (prefix === '') return clientName;
  const start = prefix + SEPARATOR;
  return clientName.startsWith(start) ? clientName.slice(start.length) : undefined;
}

/** What a client's name says of its upstream; undefined when it has no prefix. */
export function prefixOf(clientName: string): string | undefined {
  const end = clientName.indexOf(SEPARATOR);
  return end <= 0 ? undefined : clientName.slice(0, end);
}

/** Whether a virtual server shows a name. No patterns show everything; `*` stands for any run of characters. */
export function isShown(patterns: readonly string[] | undefined, clientName: string): boolean {
  return patterns === undefined || patterns.some((pattern) => matches(pattern, clientName));
}

/** Linear in the length of the name for every pattern, so that a hostile name costs nothing. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return name === first;
  const last = parts.at(-1) ?? '';
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
