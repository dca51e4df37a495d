import { describe, expect, it } from 'vitest';
import { secretReferences, secretVariable } from '../../lib/config/secrets.ts';
import { configOf, withUpstream } from './sample.ts';

describe('the variable of a secret', () => {
  it.each([
    [{ secret: 'time-token' }, 'SLUICE_SECRET_TIME_TOKEN'],
    [{ secret: '/prod/time.token' }, 'SLUICE_SECRET_PROD_TIME_TOKEN'],
    [{ secret: 'time', key: 'api key' }, 'SLUICE_SECRET_TIME_API_KEY'],
    [{ secret: 'a+b=', key: '$' }, 'SLUICE_SECRET_A_B'],
  ])('of %j is %s', (reference, name) => {
    expect(secretVariable(reference)).toBe(name);
  });
});

describe('the secrets of a configuration', () => {
  it('are those of its headers, with their places', () => {
    const headers = { 'x-team': 'search', Authorization: { secret: 'a', prefix: 'Bearer ' } };
    expect(secretReferences(configOf(withUpstream({ headers })))).toEqual([
      {
        keys: ['upstreams', 'time', 'headers', 'authorization'],
        reference: { secret: 'a', store: 'secretsmanager', prefix: 'Bearer ' },
      },
    ]);
  });
});
