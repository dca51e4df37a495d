import type { StoreTally } from '../../ports/stores.ts';

/**
 * Runs one operation at once and as a whole, as one request does in the database, and counts what it would have cost
 * there: `requests` requests, one when left out.
 */
export type Request = <T>(work: () => T, requests?: number) => Promise<T>;

export function countingOn(tally: StoreTally): Request {
  return async (work, requests = 1) => {
    tally.requests += requests;
    return work();
  };
}

/** As many keys as the database takes in one request for several records. */
const KEYS_PER_REQUEST = 100;

/** As many bytes as the database keeps in one part of a text. */
const BYTES_PER_PART = 300_000;

export function requestsFor(records: number): number {
  return Math.ceil(records / KEYS_PER_REQUEST);
}

export function partsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / BYTES_PER_PART));
}
