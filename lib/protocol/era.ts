/**
 * Protocol revisions and the two eras they fall into (2026-07-28, basic/versioning): *modern* revisions are stateless
 * and describe themselves in every request, *legacy* ones begin with `initialize` and may hold a session.
 */
export type Era = 'modern' | 'legacy';

export const MODERN_VERSIONS = ['2026-07-28'] as const;
/** Newest first: a client that asks for a revision not listed here is offered the first one. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;

export type ModernVersion = (typeof MODERN_VERSIONS)[number];
export type LegacyVersion = (typeof LEGACY_VERSIONS)[number];

export const LATEST_MODERN: ModernVersion = MODERN_VERSIONS[0];
export const LATEST_LEGACY: LegacyVersion = LEGACY_VERSIONS[0];

/** Older than the gateway serves to clients, but harmless from an upstream: later revisions only added to it. */
export const OLDEST_UPSTREAM_VERSION = '2024-11-05';

/** Batches exist in this revision only (2025-03-26, basic/transports). */
export const BATCH_VERSION: LegacyVersion = '2025-03-26';

/** From here on clients expect a stream to begin with an event that they can resume from (2025-11-25, basic/transports). */
const FIRST_PRIMED: LegacyVersion = '2025-11-25';

/** Revisions are dates. */
export function expectsPriming(version: string): boolean {
  return version >= FIRST_PRIMED;
}

/** From here on clients come back to a stream that its server has ended, and not only to one that broke (2025-11-25, basic/transports). */
const FIRST_POLLED: LegacyVersion = '2025-11-25';

export function comesBack(version: string): boolean {
  return version >= FIRST_POLLED;
}

export function isModernVersion(version: unknown): version is ModernVersion {
  return (MODERN_VERSIONS as readonly unknown[]).includes(version);
}

export function isLegacyVersion(version: unknown): version is LegacyVersion {
  return (LEGACY_VERSIONS as readonly unknown[]).includes(version);
}
