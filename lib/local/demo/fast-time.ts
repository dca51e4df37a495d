import type { CallToolResult } from '@modelcontextprotocol/server';
import { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { registerPrompts } from './fast-time-prompts.ts';
import { registerResources } from './fast-time-resources.ts';
import { systemTime, timeZoneInput } from './system-time.ts';
import { findTimeZone, formatRfc3339, isTimeZone, parseTime } from './time-zones.ts';
import { failed, text } from './tool-result.ts';

const INFO = { name: 'fast-time', title: 'Fast time', version: '1.0.0' };

/** What this server lists never changes while it runs. */
const LISTS = { ttlMs: 60_000, cacheScope: 'public' } as const;

const convertInput = z.object({
  time: z
    .string()
    .describe('RFC 3339, or a local time such as 2026-03-29 14:30:00 in the source time zone, or a date alone'),
  source_timezone: z.string().describe('IANA time zone the time is in; an offset within the time wins over it'),
  target_timezone: z.string().describe('IANA time zone to convert to'),
});

export function fastTime(): McpServer {
  const server = new McpServer(INFO, {
    instructions: 'Current times and conversions between IANA time zones, daylight saving included.',
    cacheHints: {
      'tools/list': LISTS,
      'resources/list': LISTS,
      'resources/templates/list': LISTS,
      'prompts/list': LISTS,
    },
  });
  server.registerTool(
    'get_system_time',
    {
      description: 'The current time in a time zone, as RFC 3339.',
      inputSchema: timeZoneInput,
      annotations: { readOnlyHint: true },
    },
    ({ timezone }) => systemTime(timezone),
  );
  server.registerTool(
    'convert_time',
    {
      description: 'Converts a time from one time zone to another, as RFC 3339.',
      inputSchema: convertInput,
      annotations: { idempotentHint: true },
    },
    convertTime,
  );
  registerResources(server);
  registerPrompts(server);
  return server;
}

function convertTime(input: z.infer<typeof convertInput>): CallToolResult {
  const source = findTimeZone(input.source_timezone);
  if (!isTimeZone(source)) return failed(`Unknown source time zone: ${source.timeZone}`);
  const target = findTimeZone(input.target_timezone);
  if (!isTimeZone(target)) return failed(`Unknown target time zone: ${target.timeZone}`);
  const instant = parseTime(input.time, source);
  if (typeof instant !== 'number') return failed(`Not a time: ${instant.text}`);
  return text(formatRfc3339(instant, target));
}
