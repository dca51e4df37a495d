import { describe, expect, it } from 'vitest';
import { resourcesOf, synthesize, textOf } from './kit.ts';
import { actionOf } from '../support/action.ts';

const QUERY = 'AWS::Logs::QueryDefinition';
const queries = [...resourcesOf(synthesize(), QUERY).values()];

/** What a line may have besides the fields of an action: those of notices and defects, and what is everywhere. */
const OTHER_FIELDS = ['notice', 'defect', 'code', 'reason', '@timestamp'];

/** The words of a query that are neither its language nor a name that it gives, nor a text. */
function fieldsOf(text: string): string[] {
  const language = /^(?:filter|fields|stats|sort|limit|by|as|and|or|asc|desc|ispresent|count|sum|max|pct|latest)$/;
  const given = new Set([...text.matchAll(/\bas (\w+)/g)].map(([, name]) => name!));
  const words = text.replace(/"[^"]*"/g, '').match(/@?[A-Za-z]\w*/g) ?? [];
  return words.filter((word) => !language.test(word) && !given.has(word));
}

describe('the saved queries', () => {
  it('are in a folder of the name of the stack', () => {
    for (const { Name } of queries) expect(Name).toMatch(/^Sluice\/[a-z ]+$/);
    expect(queries.length).toBeGreaterThan(4);
  });

  const logsAsked = ({ LogGroupNames }: (typeof queries)[number]) => (LogGroupNames as unknown[]).map(textOf);

  it('ask the log of the gateway, and that of housekeeping for what both write', () => {
    const gateway = expect.stringMatching(/^\{GatewayLogs\w+\}$/);
    const housekeeping = expect.stringMatching(/^\{HousekeeperLogs\w+\}$/);
    for (const query of queries) {
      const isToldByBoth = query['Name'] === 'Sluice/what the operator should know';
      expect(logsAsked(query)).toEqual(isToldByBoth ? [gateway, housekeeping] : [gateway]);
    }
  });

  it('ask the log of the gateway alone where there is no housekeeping', () => {
    const alone = [...resourcesOf(synthesize({ refresh: 'off' }), QUERY).values()];
    expect(alone.flatMap(logsAsked)).toHaveLength(queries.length);
  });

  it('add up what lines say of their whole HTTP request once for each request', () => {
    for (const { QueryString } of queries) {
      expect(QueryString).not.toMatch(/(?:sum|avg)\((?:dynamodbRequests|bytesIn)\)/);
      if (/max\((?:dynamodbRequests|bytesIn)\)/.test(String(QueryString)))
        expect(QueryString).toMatch(/by [^|]*requestId\n/);
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
