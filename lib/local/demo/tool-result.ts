import type { CallToolResult } from '@modelcontextprotocol/server';

export function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}

/** A tool error: the caller's mistake, told to the model (2026-07-28, server/tools, error handling). */
export function failed(reason: string): CallToolResult {
  return { content: [{ type: 'text', text: reason }], isError: true };
}
