/**
 * An execution in the frame of Powertools' `makeIdempotent`, which puts a record before it and completes or deletes the
 * record after it. What that means is decided here: conditions, states and the fence are the store's.
 */
import {
  IdempotencyAlreadyInProgressError,
  IdempotencyConfig,
  IdempotencyItemAlreadyExistsError,
  IdempotencyPersistenceLayerError,
  IdempotencyRecordStatus,
  makeIdempotent,
} from '@aws-lambda-powertools/idempotency';
import { BasePersistenceLayer, IdempotencyRecord as FrameRecord } from '@aws-lambda-powertools/idempotency/persistence';
import type { Context } from 'aws-lambda';
import type { IdempotencyRecord, KeyedExecution, KeyedOutcome, KeyedResult } from '../../ports/idempotency.ts';

/** What the frame is told by an exception: the execution ended without an outcome that could be kept. */
class NothingToKeep extends Error {
  override readonly name = 'NothingToKeep';
}

/** Nothing may run unframed, whatever the process environment says. */
class FrameSwitchedOff extends Error {
  override readonly name = 'FrameSwitchedOff';
}

export async function executeFramed(execution: KeyedExecution): Promise<KeyedResult> {
  const layer = new RecordLayer(execution);
  const framed = makeIdempotent(async (_key: string) => layer.run(), {
    persistenceStore: layer,
    config: frameConfig(execution),
  });
  try {
    await framed(execution.key);
    return layer.taken ?? { kind: 'executed' };
  } catch (error) {
    if (layer.failure !== undefined) throw layer.failure.error;
    if (error instanceof NothingToKeep) return { kind: 'executed' };
    if (error instanceof IdempotencyAlreadyInProgressError && layer.taken !== undefined) return layer.taken;
    // The frame wraps what the store throws.
    throw error instanceof IdempotencyPersistenceLayerError ? error.cause : error;
  }
}

/** The frame asks Lambda's context how long an execution may take; here the claim says so. */
function frameConfig({ claim, now }: KeyedExecution): IdempotencyConfig {
  const leftMs = Math.max(1, claim.deadlineAt - now);
  const lambdaContext = { getRemainingTimeInMillis: () => leftMs } as Context;
  return new IdempotencyConfig({ hashFunction: 'sha256', lambdaContext });
}

/** One record, for one execution. */
class RecordLayer extends BasePersistenceLayer {
  /** The record that is in place of one's own. */
  taken: Extract<KeyedResult, { kind: 'exists' }> | undefined;
  /** What the execution has thrown. */
  failure: { readonly error: unknown } | undefined;
  readonly #execution: KeyedExecution;
  #begun = false;
  #outcome: KeyedOutcome = { kind: 'unknown' };

  constructor(execution: KeyedExecution) {
    super();
    this.#execution = execution;
  }

  /**
   * What is framed. An exception of its own leaves the outcome unknown, and is kept from the frame, which begins anew
   * after some.
   */
  async run(): Promise<string> {
    if (!this.#begun) throw new FrameSwitchedOff('A keyed call must not be executed without a record');
    try {
      this.#outcome = await this.#execution.execute();
    } catch (error) {
      this.failure = { error };
    }
    if (this.#outcome.kind !== 'done') throw new NothingToKeep();
    return this.#outcome.text;
  }

  protected async _putRecord(record: FrameRecord): Promise<void> {
    const existing = await this.#begin();
    if (existing === undefined) {
      this.#begun = true;
      return;
    }
    this.taken = existing;
    const done = existing.record?.state.kind === 'done';
    const status = done ? IdempotencyRecordStatus.COMPLETED : IdempotencyRecordStatus.INPROGRESS;
    const { idempotencyKey } = record;
    throw new IdempotencyItemAlreadyExistsError(undefined, new FrameRecord({ idempotencyKey, status }));
  }

  /** The execution has ended with an outcome. */
  protected async _updateRecord(): Promise<void> {
    await this.#write(async ({ store, key, claim, expiresAt }) => {
      if (this.#outcome.kind === 'done') await store.complete(key, claim.owner, this.#outcome.text, expiresAt(true));
    });
  }

  /** It has ended without one. What may have run keeps its record: only what cannot have run is forgotten. */
  protected async _deleteRecord(): Promise<void> {
    await this.#write(({ store, key, claim, expiresAt }) =>
      this.#outcome.kind === 'not-run'
        ? store.release(key, claim.owner)
        : store.leaveUnknown(key, claim.owner, expiresAt(false)),
    );
  }

  /** Asked only for a record that was not given with the refusal, which it always is. */
  protected async _getRecord(idempotencyKey: string): Promise<FrameRecord> {
    return new FrameRecord({ idempotencyKey, status: IdempotencyRecordStatus.INPROGRESS });
  }

  async #begin(): Promise<Extract<KeyedResult, { kind: 'exists' }> | undefined> {
    const { store, key, claim, overtakes, now } = this.#execution;
    if (overtakes === undefined) {
      const outcome = await store.begin(key, claim, now);
      return outcome.kind === 'exists' ? outcome : undefined;
    }
    if (await store.overtake(key, overtakes, claim, now)) return undefined;
    const record: IdempotencyRecord | undefined = await store.read(key, now);
    return { kind: 'exists', record };
  }

  /** Who has the answer gets it, whether or not it could be written down. */
  async #write(write: (execution: KeyedExecution) => Promise<unknown>): Promise<void> {
    try {
      await write(this.#execution);
    } catch (error) {
      this.#execution.onUnwritten(error);
    }
  }
}
