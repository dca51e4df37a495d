import { expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { authenticate } from '../../lib/auth/caller.ts';

test('without authentication everyone is the same anonymous caller', () => {
  const caller = authenticate({ mode: 'none' }, cryptoIds);
  expect(caller.kind).toBe('anonymous');
  expect(authenticate({ mode: 'none' }, cryptoIds)).toEqual(caller);
});

test('the key of a caller is a digest', () => {
  expect(authenticate({ mode: 'none' }, cryptoIds).key).toMatch(/^[A-Za-z0-9_-]{43}$/);
});
