import type { Era } from '../protocol/era.ts';
import type { ListMember } from '../protocol/methods.ts';
import type { CatalogMember } from './catalog.ts';

export type Outcome = 'ok' | 'tool-error' | 'error' | 'refused' | 'cancelled' | 'input-required';

/**
 * One thing the gateway did for a caller. Every field is always there, so that lines can be read as a table.
 * Never arguments, results, tokens or ids that work as credentials.
 */
export interface Action {
  /** When the request arrived, milliseconds since the epoch; written as ISO 8601. */
  readonly time: number;
  readonly requestId: string;
  readonly traceId: string | null;
  readonly environment: string;
  readonly cold: boolean;
  readonly era: Era | null;
  /** First characters of a digest; equal hashes mean the same caller or session. */
  readonly caller: string | null;
  readonly session: string | null;
  readonly server: string | null;
  readonly upstream: string | null;
  readonly method: string | null;
  /** The name the call was for: a tool or a prompt, as the client knows it. Null for resources, whose URIs may be private. */
  readonly tool: string | null;
  readonly outcome: Outcome;
  /** `Failure['kind']` of errors.ts, or the upstream's own JSON-RPC code; null when nothing went wrong. */
  readonly errorKind: string | null;
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly totalMs: number;
  readonly gatewayMs: number;
  readonly upstreamMs: number;
  readonly upstreamRequests: number;
  readonly dynamodbRequests: number;
  /** How many times the call was sent upstream. */
  readonly attempt: number;
  /** Whether the answer is that of an earlier call under the same idempotency key. */
  readonly replayed: boolean;
}

/** Something that happened beside the actions and that the operator should know. Never arguments or results. */
export type Notice =
  /** An upstream was left out of a merged list. */
  | {
      readonly kind: 'upstream-unavailable';
      readonly upstream: string;
      readonly member: CatalogMember;
      readonly reason: string;
    }
  /** A list is no longer what it was. Names as the upstream knows them, no more than the first twenty of each. */
  | {
      readonly kind: 'list-changed';
      readonly upstream: string;
      readonly member: ListMember;
      readonly added: readonly string[];
      readonly changed: readonly string[];
      readonly removed: readonly string[];
    }
  /** Two upstreams of a virtual server claim the same name or URI; `upstream` does not get it. */
  | {
      readonly kind: 'claim-lost';
      readonly server: string;
      readonly upstream: string;
      readonly owner: string;
      readonly name: string;
    }
  /** A name, with its prefix, is longer than some clients take. */
  | { readonly kind: 'name-too-long'; readonly server: string; readonly upstream: string; readonly name: string }
  /** An upstream has failed so often in a row that it is left alone; and it has served again. */
  | { readonly kind: 'breaker-opened' | 'breaker-closed'; readonly upstream: string }
  /** A call with an idempotency key may have run, and nobody will ever know how it ended. Said once, not by its repetitions. */
  | { readonly kind: 'outcome-unknown'; readonly upstream: string }
  /** A secret that an upstream is to be sent could not be read; the upstream was not called. */
  | { readonly kind: 'secret-unavailable'; readonly secret: string; readonly reason: string }
  /** A pinned tool changed: it is hidden and refused until an operator accepts it. */
  | { readonly kind: 'tool-held'; readonly upstream: string; readonly tool: string };

export interface ActionLog {
  /** For the operator; written synchronously, as actions are. The request is null when it is not known. */
  notice(requestId: string | null, notice: Notice): void;
  /** Writes synchronously, so that an environment that is killed leaves its last line. */
  write(action: Action): void;
  /** Something that the code did not expect: a defect, or a store that does not answer. For the operator only. */
  defect(requestId: string, error: unknown): void;
}
