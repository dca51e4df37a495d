import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ownReferences } from './dashboard-series.ts';
import { resourcesOf, synthesize } from './kit.ts';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const least = synthesize();

describe('docs/operations.md', () => {
  it('says what each metric means', () => {
    const names = [...new Set(ownReferences(least).map(({ name }) => name))];
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !page.includes(`\n| \`${name}\` `))).toEqual([]);
  });

  it('says what to do about each alarm', () => {
    const ids = [...resourcesOf(least, 'AWS::CloudWatch::Alarm').keys()];
    const names = ids.map((id) => id.replace(/^MonitoringAlarms|[0-9A-F]{8}$/g, ''));
    expect(names).not.toEqual([]);
    expect(names.filter((name) => !page.includes(`\n| \`${name}\` `))).toEqual([]);
  });

  it('names each saved query', () => {
    const queries = [...resourcesOf(least, 'AWS::Logs::QueryDefinition').values()];
    const names = queries.map(({ Name }) => String(Name).replace(/^Sluice\//, ''));
    expect(names).not.toEqual([]);
    expect(names.filter((name) => !page.includes(`_${name}_`))).toEqual([]);
  });
});
