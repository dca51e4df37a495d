import type { StdioConfig } from '../../config/schema.ts';
import { StdioChild } from './child.ts';
import { Places } from './places.ts';
import { describeStartFailure } from './start-failure.ts';
import type { StdioTimes } from './times.ts';

export interface ChildrenOptions {
  readonly stdio: StdioConfig;
  readonly maxLineBytes: number;
  readonly times: StdioTimes;
  /** What the operator should know. */
  readonly report: (text: string) => void;
  readonly onStderr: (text: string) => void;
}

/** Why there is no child. */
export type NoChild =
  | { readonly kind: 'not-started'; readonly code: string }
  /** As many as there may be are in use. */
  | { readonly kind: 'all-taken' }
  | { readonly kind: 'closed' };

export type Started = { readonly kind: 'started'; readonly child: StdioChild } | NoChild;

/** The processes of one upstream: no more than configured, those included that are ending. */
export class Children {
  readonly #options: ChildrenOptions;
  readonly #places: Places;
  readonly #all = new Set<StdioChild>();
  #isClosed = false;

  constructor(options: ChildrenOptions) {
    this.#options = options;
    this.#places = new Places(options.stdio.maxProcesses);
  }

  get pids(): number[] {
    return [...this.#all].flatMap(({ pid }) => pid ?? []);
  }

  /** `makeRoom` ends a child that holds nothing of anybody's, if there is one; it is called when no more may be started. */
  async start(makeRoom: () => void): Promise<Started> {
    if (this.#places.areTaken) makeRoom();
    if (!(await this.#places.take(this.#options.times.placeMs))) return { kind: 'all-taken' };
    if (this.#isClosed) return { kind: 'closed' };
    const child = new StdioChild(this.#options);
    this.#all.add(child);
    void child.closed.then(() => {
      this.#all.delete(child);
      this.#places.free();
    });
    const code = await child.started;
    if (code === undefined) return { kind: 'started', child };
    this.#options.report(await describeStartFailure(this.#options.stdio, code));
    return { kind: 'not-started', code };
  }

  /** Asks a child to end; it may take a while. */
  end(child: StdioChild): void {
    void child.end(this.#options.times);
  }

  /** Ends all children, and starts no more. Settles when they have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { finalCloseMs, finalTermMs } = this.#options.times;
    const grace = { closeMs: finalCloseMs, termMs: finalTermMs };
    await Promise.all([...this.#all].map((child) => child.end(grace)));
  }

  /** Ends all children at once, without waiting. */
  kill(): void {
    for (const child of this.#all) child.kill();
  }
}
