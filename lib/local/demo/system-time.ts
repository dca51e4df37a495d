import type { CallToolResult } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { findTimeZone, formatRfc3339, isTimeZone } from './time-zones.ts';
import { failed, text } from './tool-result.ts';

export const timeZoneInput = z.object({
  timezone: z.string().optional().describe('IANA time zone such as Europe/London; UTC when left out'),
});

/** The `get_system_time` tool, which both demo upstreams have. */
export function systemTime(timezone: string | undefined): CallToolResult {
  const zone = findTimeZone(timezone ?? 'UTC');
  if (!isTimeZone(zone)) return failed(`Unknown time zone: ${zone.timeZone}`);
  return text(formatRfc3339(Date.now(), zone));
}
