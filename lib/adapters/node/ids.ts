import type { Ids } from '../../ports.ts';

const { hash, randomFillSync } = process.getBuiltinModule('node:crypto');

const RANDOM_BYTES = 24;

/** Random bytes for several ids, because asking for them costs more than the bytes. Each is given out once. */
const supply = Buffer.alloc(64 * RANDOM_BYTES);
let used = supply.length;

function random(): string {
  if (used === supply.length) {
    randomFillSync(supply);
    used = 0;
  }
  const bytes = supply.subarray(used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  const id = bytes.toString('base64url');
  bytes.fill(0);
  return id;
}

/** Ids from the operating system's random source. */
export const cryptoIds: Ids = {
  random,
  digest: (text) => hash('sha256', text, 'base64url'),
  fraction: () => Math.random(),
};
