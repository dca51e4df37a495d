import type { SecretReference } from '../../ports/transport.ts';

/** What a store keeps under a name; the same for every reference to it. */
export type StoredSecret = Pick<SecretReference, 'secret' | 'store'>;

/** Reads what is stored, as text. Rejects with `SecretError`, or when the signal aborts. */
export type ReadSecret = (stored: StoredSecret, signal: AbortSignal) => Promise<string>;

/** A secret could not be had. The message names it and says why; it never has anything of the secret in it. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
  /** Whether the store said so, or what it gave is of no use; false when it gave no answer. */
  readonly isAnswer: boolean;

  constructor(reason: string, { isAnswer, cause }: { readonly isAnswer: boolean; readonly cause?: unknown }) {
    super(reason, { cause });
    this.isAnswer = isAnswer;
  }
}

/** As a header's value may be (RFC 9110, section 5.5). */
const HEADER_TEXT = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/** The header's value that a reference stands for. Throws `SecretError`. */
export function headerValue({ key, prefix = '' }: Pick<SecretReference, 'key' | 'prefix'>, stored: string): string {
  // Consoles and shells like to leave a line break at the end.
  const value = (key === undefined ? stored : memberOf(stored, key)).trim();
  if (!HEADER_TEXT.test(value)) throw unusable('it is empty, or has characters that no header can carry');
  return prefix + value;
}

function memberOf(stored: string, key: string): string {
  const value = membersOf(stored)[key];
  if (typeof value !== 'string') throw unusable(`it is no JSON object with the text ${JSON.stringify(key)} in it`);
  return value;
}

function membersOf(stored: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(stored);
    return typeof parsed === 'object' && parsed !== null ? { __proto__: null, ...parsed } : {};
  } catch {
    // What the parser complains of quotes the text.
    return {};
  }
}

function unusable(reason: string): SecretError {
  return new SecretError(reason, { isAnswer: true });
}
