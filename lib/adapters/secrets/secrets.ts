/** The values of secrets: read from their stores when they are first needed, and kept for five minutes. */
import type { Clock } from '../../ports.ts';
import type { SecretReference, UpstreamHttpRequest } from '../../ports/transport.ts';
import { secretId, type GivenSecrets } from './given.ts';
import { headerValue, SecretError, type ReadSecret, type StoredSecret } from './secret.ts';

/** For how long what was read is used without asking again, in milliseconds. */
const KEPT_MS = 5 * 60_000;

/** A store that does not answer is asked again after this; meanwhile what it said before goes on being used. In milliseconds. */
const ASK_AGAIN_MS = 30_000;

/** For how long nobody asks again for what could not be had, in milliseconds. */
const MISSING_MS = 5_000;

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

/** All times are milliseconds since the epoch. */
interface Kept {
  readonly text: string;
  readonly readAt: number;
  readonly goodUntil: number;
}

interface Missing {
  readonly error: SecretError;
  readonly until: number;
}

/** One request to a store, which ends when nobody waits for it any more. */
interface Reading {
  readonly text: Promise<string>;
  readonly controller: AbortController;
  waiting: number;
}

/** All that it remembers is lost with the environment. */
export class Secrets {
  readonly #source: SecretSource;
  /** By store and name, as the others. */
  readonly #kept = new Map<string, Kept>();
  readonly #missing = new Map<string, Missing>();
  readonly #readings = new Map<string, Reading>();

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
    const { key: _key, ...whole } = reference;
    const own = this.#source.given[secretId(reference)];
    const [meant, text] = own === undefined ? [reference, await this.#textOf(reference, signal)] : [whole, own];
    if (text === undefined) return undefined;
    try {
      return headerValue(meant, text);
    } catch (error) {
      return this.#reported(reference, error);
    }
  }

  /** What is stored; undefined when it cannot be had. */
  async #textOf(stored: StoredSecret, signal: AbortSignal): Promise<string | undefined> {
    const now = this.#source.clock.now();
    const kept = this.#kept.get(placeOf(stored));
    if (kept !== undefined && now < kept.goodUntil) return kept.text;
    try {
      const missing = this.#missing.get(placeOf(stored));
      if (missing !== undefined && now < missing.until) throw missing.error;
      return await this.#join(stored, signal);
    } catch (error) {
      return signal.aborted ? undefined : this.#reported(stored, error);
    }
  }

  #reported({ secret }: StoredSecret, error: unknown): undefined {
    if (!(error instanceof SecretError)) throw error;
    this.#source.report(secret, error.message);
  }

  /** Whoever needs the same secret at the same time waits for the same request. */
  async #join(stored: StoredSecret, signal: AbortSignal): Promise<string> {
    const reading = this.#readings.get(placeOf(stored)) ?? this.#begin(stored);
    reading.waiting += 1;
    try {
      return await unlessAborted(reading.text, signal);
    } finally {
      reading.waiting -= 1;
      if (reading.waiting === 0) {
        reading.controller.abort();
        this.#forget(stored, reading);
      }
    }
  }

  #begin(stored: StoredSecret): Reading {
    const controller = new AbortController();
    const text = this.#refresh(stored, controller.signal);
    const reading = { text, controller, waiting: 0 };
    const forget = (): void => this.#forget(stored, reading);
    // Those who wait for it hear of a failure; nobody may be left.
    text.then(forget, forget);
    this.#readings.set(placeOf(stored), reading);
    return reading;
  }

  #forget(stored: StoredSecret, reading: Reading): void {
    if (this.#readings.get(placeOf(stored)) === reading) this.#readings.delete(placeOf(stored));
  }

  async #refresh(stored: StoredSecret, signal: AbortSignal): Promise<string> {
    const { read, clock } = this.#source;
    try {
      const text = await read(stored, signal);
      const readAt = clock.now();
      this.#kept.set(placeOf(stored), { text, readAt, goodUntil: readAt + KEPT_MS });
      return text;
    } catch (error) {
      if (!(error instanceof SecretError) || signal.aborted) throw error;
      return this.#insteadOf(stored, error);
    }
  }

  /** A store that gives no answer does not take back what it said before. */
  #insteadOf(stored: StoredSecret, error: SecretError): string {
    const now = this.#source.clock.now();
    const kept = this.#kept.get(placeOf(stored));
    if (kept !== undefined && !error.isAnswer) {
      this.#source.report(stored.secret, error.message);
      this.#kept.set(placeOf(stored), { ...kept, goodUntil: now + ASK_AGAIN_MS });
      return kept.text;
    }
    this.#kept.delete(placeOf(stored));
    this.#missing.set(placeOf(stored), { error, until: now + MISSING_MS });
    throw error;
  }
}

function placeOf({ store, secret }: StoredSecret): string {
  return `${store} ${secret}`;
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(new SecretError('the call has ended', { isAnswer: false }));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
