/** A tool that was accepted in one revision of the protocol, and is seen in another one that has more or fewer fields. */
import { describe, expect, test } from 'vitest';
import { judge, pinned, readDefinition, type ToolDefinition } from '../../lib/catalog/pins.ts';

const OLD = '2025-03-26';
const NEW = ['2025-06-18', '2025-11-25', '2026-07-28'] as const;

function definitionOf(more: object): ToolDefinition {
  const item = JSON.stringify({ name: 'pay', description: 'Pays', inputSchema: { type: 'object' }, ...more });
  const definition = readDefinition(item);
  if (definition === undefined) throw new Error(`No definition: ${item}`);
  return definition;
}

function isHeld(accepted: { revision: string; more: object }, seen: { revision: string; more: object }): boolean {
  const pins = pinned(new Map(), accepted.revision, [definitionOf(accepted.more)]);
  return judge(pins, seen.revision, [definitionOf(seen.more)]).held.has('pay');
}

const PLAIN = {};
/** What 2025-03-26 cannot say of a tool. */
const UNSAYABLE = {
  title: 'Pay',
  outputSchema: { type: 'object' },
  _meta: { ui: { resourceUri: 'ui://pay' } },
};
const ADDED = [
  ['title', { title: 'Check the balance' }],
  ['annotations', { annotations: { readOnlyHint: true } }],
  ['outputSchema', { outputSchema: { type: 'object' } }],
  ['user interface', { _meta: { ui: { resourceUri: 'ui://evil' } } }],
] as const;

describe.each(NEW)('a tool accepted in %s', (revision) => {
  const others = NEW.filter((other) => other !== revision);

  test.each(ADDED)('is held in other revisions that can say it, with added %s', (_what, more) => {
    for (const other of others) expect(isHeld({ revision, more: PLAIN }, { revision: other, more })).toBe(true);
  });

  test.each(ADDED)('is held in other revisions that can say it, without its %s', (_what, more) => {
    for (const other of others) expect(isHeld({ revision, more }, { revision: other, more: PLAIN })).toBe(true);
  });

  test('is trusted in an older one that cannot say all of it', () => {
    expect(isHeld({ revision, more: UNSAYABLE }, { revision: OLD, more: PLAIN })).toBe(false);
  });

  test('is held in an older one that says something else', () => {
    expect(isHeld({ revision, more: UNSAYABLE }, { revision: OLD, more: { description: 'Pays twice' } })).toBe(true);
  });

  test('is held in an older one with other annotations, which that one has as well', () => {
    const annotations = { readOnlyHint: true };
    expect(isHeld({ revision, more: UNSAYABLE }, { revision: OLD, more: { annotations } })).toBe(true);
  });
});
