/** Severities of log messages (2026-07-28 and 2025-11-25, server/utilities/logging, "Log Levels"; RFC 5424, 6.2.1). */
import type { Json } from '../message.ts';
import { isLogLevel, LOG_LEVELS } from '../methods.ts';

/**
 * Whether a message of `level` is for a request that asked for `wanted` ("at or above the requested level"). A level that
 * does not exist is at or above none.
 */
export function isLoggedAt(level: Json | undefined, wanted: string): boolean {
  if (!isLogLevel(level) || !isLogLevel(wanted)) return false;
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(wanted);
}
