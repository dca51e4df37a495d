import type { StreamBatch, StreamHead, StreamStore } from '../../ports/streams.ts';
import { partsOf, type Request } from './request.ts';

interface KeptHead {
  readonly head: StreamHead;
  readonly expiresAt: number;
}

interface KeptBatch {
  readonly batch: StreamBatch;
  readonly expiresAt: number;
}

export interface StreamsState {
  readonly heads: Map<string, KeptHead>;
  /** By the key of the stream and the number of their last event. */
  readonly batches: Map<string, Map<number, KeptBatch>>;
}

export function streamsIn({ heads, batches }: StreamsState, request: Request): StreamStore {
  return {
    begin: (key, head, expiresAt) =>
      request(() => {
        heads.set(key, { head: copyHead(head), expiresAt });
      }),

    append: (key, batch, expiresAt) =>
      request(
        () => {
          const kept = batches.get(key) ?? new Map<number, KeptBatch>();
          batches.set(key, kept.set(batch.last, { batch: copyBatch(batch), expiresAt }));
        },
        partsOf(Buffer.byteLength(JSON.stringify(batch.events))),
      ),

    handOver: (key, holder, continuation, expiresAt) =>
      request(() => {
        const head = heads.get(key)?.head;
        if (head?.holder !== holder) return false;
        heads.set(key, { head: { ...head, continuation }, expiresAt });
        return true;
      }),

    takeOver: (key, from, { holder, heldUntil }, expiresAt) =>
      request(() => {
        const head = heads.get(key)?.head;
        if (head?.holder !== from || head.continuation === undefined) return head?.holder === holder;
        heads.set(key, { head: { ...head, holder, heldUntil, continuation: undefined }, expiresAt });
        return true;
      }),

    read: (key, from, now) => {
      const head = heads.get(key);
      return request(() => {
        if (head === undefined || head.expiresAt <= now) return undefined;
        const found = [...(batches.get(key)?.values() ?? [])]
          .filter(({ batch, expiresAt }) => batch.last >= from && expiresAt > now)
          .map(({ batch }) => copyBatch(batch));
        return { head: copyHead(head.head), batches: found.toSorted((one, other) => one.last - other.last) };
      });
    },
  };
}

function copyHead(head: StreamHead): StreamHead {
  return { ...head, requests: [...head.requests] };
}

function copyBatch(batch: StreamBatch): StreamBatch {
  return { ...batch, events: [...batch.events], answered: [...batch.answered] };
}
