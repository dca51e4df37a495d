/** Another gateway, or an arrangement without one, that is measured beside Sluice. */
import type { Counts } from '../programs/program.ts';
import type { Tool } from '../workload.ts';

/** What a gateway stands in front of: a server over Streamable HTTP, or a command. */
export type UpstreamKind = 'Streamable HTTP' | 'stdio';

export interface Peer {
  readonly name: string;
  readonly upstream: UpstreamKind;
  /** How it is set up, and why so. */
  readonly setup: string;
  /** Rejects when it cannot be had, or does not start. */
  start(): Promise<RunningPeer>;
}

export interface RunningPeer {
  /** From the start of its process to the answer to a first call, in milliseconds; undefined where there is none. */
  readonly startMs: number | undefined;
  /** A client with a session of its own. */
  connect(): Promise<PeerClient>;
  /** What its process holds at the moment, in bytes, without processes that it has started; undefined as above. */
  memoryBytes(): Promise<number | undefined>;
  /** What has come to its upstream from it and nobody else, by method; undefined where it has none. */
  upstreamCounts(): Promise<Counts | undefined>;
  close(): Promise<void>;
}

export interface PeerClient {
  /** Rejects when the answer is not the tool's result. */
  call(tool: Tool): Promise<void>;
  /** Resolves once it calls by connections that have not been idle for long; its session stays. */
  renew(): Promise<void>;
  close(): Promise<void>;
}
