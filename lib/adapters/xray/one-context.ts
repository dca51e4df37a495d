/**
 * In the place of `cls-hooked`, with which the X-Ray SDK finds out what the current segment is: it hooks into every promise
 * of the process, from the first traced request on and for good, and makes each of them some 25 times as slow. Nothing
 * here asks for a current segment but that of the invocation, and an environment has one invocation at a time.
 */
class Namespace {
  readonly #values = new Map<string, unknown>();

  createContext(): object {
    return {};
  }

  /** There is only one context to be in. */
  enter(): void {}

  get(key: string): unknown {
    return this.#values.get(key);
  }

  set(key: string, value: unknown): unknown {
    this.#values.set(key, value);
    return value;
  }
}

const namespaces = new Map<string, Namespace>();

export function getNamespace(name: string): Namespace | undefined {
  return namespaces.get(name);
}

export function createNamespace(name: string): Namespace {
  const namespace = new Namespace();
  namespaces.set(name, namespace);
  return namespace;
}

export function destroyNamespace(name: string): void {
  namespaces.delete(name);
}
