import type { Ids } from '../../ports.ts';

const { createHash, randomBytes } = process.getBuiltinModule('node:crypto');

const RANDOM_BYTES = 24;

/** Ids from the operating system's random source. */
export const cryptoIds: Ids = {
  random: () => randomBytes(RANDOM_BYTES).toString('base64url'),
  digest: (text) => createHash('sha256').update(text, 'utf8').digest('base64url'),
};
