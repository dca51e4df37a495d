/** The test's side of `signals.ts`. */
import type { Signal } from './signals.ts';

/** Signals that came, for those who wait for one of a name. */
export class SignalBox {
  readonly #arrived: Signal[] = [];
  readonly #waiting: { readonly name: string; readonly resolve: (signal: Signal) => void }[] = [];

  add(signal: Signal): void {
    const at = this.#waiting.findIndex(({ name }) => name === signal.name);
    if (at < 0) this.#arrived.push(signal);
    else this.#waiting.splice(at, 1)[0]?.resolve(signal);
  }

  /** The next signal of that name, whether it has come already or is to come. */
  take(name: string): Promise<Signal> {
    const at = this.#arrived.findIndex((signal) => signal.name === name);
    const [arrived] = at < 0 ? [] : this.#arrived.splice(at, 1);
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve) => {
      this.#waiting.push({ name, resolve });
    });
  }
}

/** Lets the sender of a signal go on. */
export function openGate({ name, gate }: Signal): void {
  if (gate === undefined) throw new Error(`Nobody waits at ${name}`);
  const state = new Int32Array(gate);
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
}
