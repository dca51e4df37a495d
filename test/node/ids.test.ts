import { expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';

test('a random id is 32 characters of base64url, and no two are alike', () => {
  const ids = Array.from({ length: 1000 }, () => cryptoIds.random());
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{32}$/);
  expect(new Set(ids).size).toBe(ids.length);
});

test('a digest is SHA-256 of the text in UTF-8, as base64url', () => {
  expect(cryptoIds.digest('')).toBe('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU');
  expect(cryptoIds.digest('☃')).toBe(Buffer.from(EXPECTED_SNOWMAN, 'hex').toString('base64url'));
});

/** From `printf '☃' | sha256sum`. */
const EXPECTED_SNOWMAN = '51643361c79ecaef25a8de802de24f570ba25d9c2df1d22d94fade11b4f466cc';
