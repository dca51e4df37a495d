/** The rule for the keys that the file chooses itself: names of upstreams, virtual servers, tools and headers. */
import { entriesOf } from './fields.ts';
import { finding } from './problems.ts';
import type { KEYS } from './shapes.ts';
import type { Finding, Keys } from './problems.ts';

export function badNames(section: unknown, keys: Keys, rule: (typeof KEYS)[keyof typeof KEYS]): Finding[] {
  return entriesOf(section)
    .filter(([name]) => !rule.pattern.test(name))
    .map(([name]) => finding([...keys, name], rule.expected));
}
