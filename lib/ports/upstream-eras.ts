import type { Era } from '../protocol/era.ts';

/** What is known of an era on an upstream: the protocol versions it offers there; empty when it lacks the era. */
export type KnownVersions = readonly string[];

/** How messages reach an upstream: Streamable HTTP, or HTTP+SSE as of 2024-11-05. */
export type UpstreamTransportName = 'http' | 'sse';

/** What probing has taught about an upstream. An era that is absent has not been probed. */
export interface UpstreamEras {
  readonly versions: Readonly<Partial<Record<Era, KnownVersions>>>;
  /** Absent while it has not been found out; the legacy era has both, the modern one `http` only. */
  readonly transport?: UpstreamTransportName;
  /** When the newest of this was learned, milliseconds since the epoch. */
  readonly learnedAt: number;
}

export interface UpstreamEraStore {
  /** `upstream` is a digest of everything that decides who answers (the URL), so that a changed one is probed anew. */
  read(upstream: string): Promise<UpstreamEras | undefined>;
  /** Keeps whichever memory is newer; an older one is dropped silently, because it is only older. */
  write(upstream: string, eras: UpstreamEras, expiresAt: number): Promise<void>;
}
