import { describe, expect, it } from 'vitest';
import { resourcesOf, synthesize, textOf } from './kit.ts';
import { actionOf } from '../support/action.ts';

const QUERY = 'AWS::Logs::QueryDefinition';
const queries = [...resourcesOf(synthesize(), QUERY).values()];

/** What a line may have besides the fields of an action: those of notices and defects, and what is everywhere. */
const OTHER_FIELDS = ['notice', 'defect', 'code', 'reason', '@timestamp'];

/** The words of a query that are neither its language nor a name that it gives, nor a text. */
function fieldsOf(text: string): string[] {
  const language = /^(?:filter|fields|stats|sort|limit|by|as|and|or|asc|desc|ispresent|count|sum|pct|latest)$/;
  const given = new Set([...text.matchAll(/\bas (\w+)/g)].map(([, name]) => name!));
  const words = text.replace(/"[^"]*"/g, '').match(/@?[A-Za-z]\w*/g) ?? [];
  return words.filter((word) => !language.test(word) && !given.has(word));
}

describe('the saved queries', () => {
  it('are in a folder of the name of the stack', () => {
    for (const { Name } of queries) expect(Name).toMatch(/^Sluice\/[a-z ]+$/);
    expect(queries.length).toBeGreaterThan(4);
  });

  it('ask the log of the gateway', () => {
    for (const { LogGroupNames } of queries) {
      expect((LogGroupNames as unknown[]).map(textOf)).toEqual([expect.stringMatching(/^\{GatewayLogs\w+\}$/)]);
    }
  });

  it('ask for what lines have', () => {
    const known = new Set([...Object.keys(actionOf()), ...OTHER_FIELDS]);
    for (const { QueryString } of queries) {
      const fields = fieldsOf(String(QueryString));
      expect(fields).not.toEqual([]);
      expect(fields.filter((field) => !known.has(field))).toEqual([]);
    }
  });
});
