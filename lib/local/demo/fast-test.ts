import type { CallToolResult } from '@modelcontextprotocol/server';
import { McpServer } from '@modelcontextprotocol/server';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/v4';
import { systemTime, timeZoneInput } from './system-time.ts';
import { text } from './tool-result.ts';

const INFO = { name: 'fast-test', title: 'Fast test', version: '1.0.0' };
const LONGEST_DELAY_MS = 10 * 60_000;

const echoInput = z.object({
  message: z.string().describe('What to say back'),
  delay: z.number().min(0).max(LONGEST_DELAY_MS).optional().describe('Wait this long first, in milliseconds'),
  delay_stddev: z
    .number()
    .min(0)
    .optional()
    .describe('Standard deviation of the wait, in milliseconds; the wait is then normally distributed around delay'),
});

/** Returns a function that builds servers which count their calls together: one per request or session is usual. */
export function fastTest(): () => McpServer {
  let handled = 0;
  const counted = (result: CallToolResult): CallToolResult => {
    handled += 1;
    return result;
  };

  return () => {
    const server = new McpServer(INFO, {
      instructions: 'Small predictable tools for trying out and measuring an MCP connection.',
      cacheHints: { 'tools/list': { ttlMs: 60_000, cacheScope: 'public' } },
    });
    server.registerTool(
      'echo',
      { description: 'Says the message back, after a wait if asked.', inputSchema: echoInput },
      async ({ message, delay, delay_stddev }, context) => {
        const milliseconds = sampleDelay(delay ?? 0, delay_stddev ?? 0);
        if (milliseconds > 0) await sleep(milliseconds, undefined, { signal: context.mcpReq.signal });
        return counted(text(message));
      },
    );
    server.registerTool(
      'get_system_time',
      { description: 'The current time in a time zone, as RFC 3339.', inputSchema: timeZoneInput },
      ({ timezone }) => counted(systemTime(timezone)),
    );
    server.registerTool('get_stats', { description: 'What this server is and how many calls it has answered.' }, () =>
      text(JSON.stringify({ server: INFO.name, version: INFO.version, requests_handled: handled })),
    );
    return server;
  };
}

/** Box-Muller; never negative, never longer than a caller may ask for outright. */
function sampleDelay(mean: number, deviation: number): number {
  if (deviation === 0) return mean;
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return Math.min(Math.max(mean + normal * deviation, 0), LONGEST_DELAY_MS);
}
