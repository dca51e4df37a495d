import type { GetPromptResult, McpServer } from '@modelcontextprotocol/server';
import { completable, ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { findTimeZone, formatRfc3339, isTimeZone, parseTime } from './time-zones.ts';
import type { TimeZone } from './time-zones.ts';

const timeZoneName = completable(z.string().describe('IANA time zone'), suggestTimeZones);

const compareArguments = z.object({
  timezones: z.string().describe('IANA time zones, separated by commas'),
  reference_time: z.string().optional().describe('Time to compare at; now when left out'),
});

const meetingArguments = z.object({
  participants: z.string().describe('Where the participants are, separated by commas'),
  duration: z.string().describe('Length of the meeting, in minutes'),
  preferred_hours: z.string().optional().describe('Hours that suit, such as 09:00-17:00'),
  date_range: z.string().optional().describe('Days that suit, such as next 7 days'),
});

const convertArguments = z.object({
  time: z.string().describe('Time to convert'),
  from_timezone: timeZoneName,
  to_timezones: z.string().describe('IANA time zones, separated by commas'),
  include_context: z.string().optional().describe('true to ask for weekdays and business days as well'),
});

export function registerPrompts(server: McpServer): void {
  server.registerPrompt(
    'compare_timezones',
    { description: 'Compares the time in several time zones.', argsSchema: compareArguments },
    compareTimeZones,
  );
  server.registerPrompt(
    'schedule_meeting',
    { description: 'Finds a meeting time that suits several places.', argsSchema: meetingArguments },
    scheduleMeeting,
  );
  server.registerPrompt(
    'convert_time_detailed',
    { description: 'Converts a time into several time zones and explains it.', argsSchema: convertArguments },
    convertTimeDetailed,
  );
}

function compareTimeZones(input: z.infer<typeof compareArguments>): GetPromptResult {
  const zones = zonesOf(input.timezones);
  const instant = input.reference_time === undefined ? Date.now() : instantOf(input.reference_time, zoneOf('UTC'));
  return ask([
    'Compare these times, which are one instant:',
    ...zones.map((zone) => `- ${zone.name}: ${formatRfc3339(instant, zone)}`),
    'Say how far each is from the first, and where it is within business hours.',
  ]);
}

function scheduleMeeting(input: z.infer<typeof meetingArguments>): GetPromptResult {
  return ask([
    `Find the best time for a meeting of ${input.duration} minutes between people in: ${input.participants}`,
    `Preferred hours, local to each: ${input.preferred_hours ?? '09:00-17:00'}`,
    `Days: ${input.date_range ?? 'next 7 days'}`,
    'Use convert_time to check every proposal in each place.',
  ]);
}

function convertTimeDetailed(input: z.infer<typeof convertArguments>): GetPromptResult {
  const instant = instantOf(input.time, zoneOf(input.from_timezone));
  const converted = zonesOf(input.to_timezones).map((zone) => `- ${zone.name}: ${formatRfc3339(instant, zone)}`);
  const context = ['Add the weekday in each, whether it is a business day there, and how far away the moment is.'];
  return ask([
    `Explain the time ${input.time} in ${input.from_timezone}, which is:`,
    ...converted,
    ...(input.include_context === 'true' ? context : []),
  ]);
}

function ask(lines: readonly string[]): GetPromptResult {
  return { messages: [{ role: 'user', content: { type: 'text', text: lines.join('\n') } }] };
}

function zonesOf(list: string): TimeZone[] {
  return list.split(',').map((name) => zoneOf(name.trim()));
}

/** Throws invalid params, the only way a prompt can refuse (2026-07-28, server/prompts, error handling). */
function zoneOf(name: string): TimeZone {
  const zone = findTimeZone(name);
  if (!isTimeZone(zone)) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown time zone: ${name}`);
  return zone;
}

/** Throws invalid params. */
function instantOf(time: string, zone: TimeZone): number {
  const instant = parseTime(time, zone);
  if (typeof instant === 'number') return instant;
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Not a time: ${time}`);
}

function suggestTimeZones(prefix: string): string[] {
  const wanted = prefix.toLowerCase();
  return Intl.supportedValuesOf('timeZone').filter((name) => name.toLowerCase().startsWith(wanted));
}
