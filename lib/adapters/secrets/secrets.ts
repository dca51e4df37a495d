/** The values of secrets: read from their stores when they are first needed, and kept for five minutes. */
import type { Clock, SecretReference, UpstreamHttpRequest } from '../../ports.ts';
import { secretId, type GivenSecrets } from './given.ts';
import { headerValue, SecretError, type ReadSecret } from './secret.ts';

/** For how long what was read is used again, in milliseconds. */
const KEPT_MS = 5 * 60_000;

/**
 * An upstream that turns a secret away may have got a new one meanwhile. What was read longer ago than this is then read
 * again for the next request; one that is turned away whatever it is costs no more than that. In milliseconds.
 */
const DOUBTED_AFTER_MS = 30_000;

export interface SecretSource {
  /** What no store is asked for. */
  readonly given: GivenSecrets;
  readonly read: ReadSecret;
  readonly clock: Pick<Clock, 'now'>;
  /** Hears which secret could not be had, and why. */
  readonly report: (secret: string, reason: string) => void;
}

type Headers = UpstreamHttpRequest['headers'];

interface Kept {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly readAt: number;
}

export class Secrets {
  readonly #source: SecretSource;
  /** By store and name. Lost with the environment. */
  readonly #kept = new Map<string, Kept>();

  constructor(source: SecretSource) {
    this.#source = source;
  }

  /** The headers with a value in place of each reference; undefined when one could not be had, which has been reported. */
  async fillIn(headers: Headers, signal: AbortSignal): Promise<Record<string, string> | undefined> {
    const filled: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers)) {
      const text = typeof value === 'string' ? value : await this.#valueOf(value, signal);
      if (text === undefined) return undefined;
      filled[name] = text;
    }
    return filled;
  }

  /** An upstream has turned these headers away. */
  doubt(headers: Headers): void {
    const doubted = this.#source.clock.now() - DOUBTED_AFTER_MS;
    for (const value of Object.values(headers)) {
      if (typeof value === 'string') continue;
      const kept = this.#kept.get(placeOf(value));
      if (kept !== undefined && kept.readAt <= doubted) this.#kept.delete(placeOf(value));
    }
  }

  async #valueOf(reference: SecretReference, signal: AbortSignal): Promise<string | undefined> {
    const { given, report } = this.#source;
    const { key: _key, ...whole } = reference;
    const own = given[secretId(reference)];
    try {
      return own === undefined ? headerValue(reference, await this.#read(reference, signal)) : headerValue(whole, own);
    } catch (error) {
      if (!(error instanceof SecretError)) throw error;
      if (!signal.aborted) report(reference.secret, error.message);
      return undefined;
    }
  }

  async #read(reference: SecretReference, signal: AbortSignal): Promise<string> {
    const { clock, read } = this.#source;
    const kept = this.#kept.get(placeOf(reference));
    if (kept !== undefined && clock.now() < kept.readAt + KEPT_MS) return kept.text;
    const text = await read(reference, signal);
    this.#kept.set(placeOf(reference), { text, readAt: clock.now() });
    return text;
  }
}

function placeOf({ store, secret }: SecretReference): string {
  return `${store} ${secret}`;
}
