/** What really happened: every execution of every call, as the upstream wrote it down. */
import type { Tool } from './plan.ts';

export interface Execution {
  readonly call: string;
  /** Which of the client's attempts it was sent for. */
  readonly attempt: string;
  /** In the answer; no two executions have the same. */
  readonly receipt: string;
  /** When the request had arrived, and when it was executed; on the clock of `performance.now()`. */
  readonly arrivedAt: number;
  readonly executedAt: number;
  /** Whether anything was different afterwards. */
  readonly changed: boolean;
}

export interface ToExecute {
  readonly call: string;
  readonly attempt: string;
  readonly tool: Tool;
  readonly amount: number;
  readonly arrivedAt: number;
}

export class Ledger {
  readonly #executions = new Map<string, Execution[]>();
  /** What `put` and `book` set. */
  readonly #values = new Map<string, number>();
  #receipts = 0;

  execute({ call, attempt, tool, amount, arrivedAt }: ToExecute): string {
    const sets = tool === 'put' || tool === 'book';
    const changed = sets ? this.#values.get(call) !== amount : tool !== 'look';
    if (sets) this.#values.set(call, amount);
    const receipt = `receipt-${(this.#receipts += 1)}`;
    const execution = { call, attempt, receipt, arrivedAt, executedAt: performance.now(), changed };
    this.#executions.set(call, [...this.of(call), execution]);
    return receipt;
  }

  /** In order. */
  of(call: string): readonly Execution[] {
    return this.#executions.get(call) ?? [];
  }

  get size(): number {
    return this.#receipts;
  }
}
