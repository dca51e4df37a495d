/**
 * The least that an MCP server over stdio can be: legacy, with the tools `small` and `slow`. Writes the method of each
 * message that it gets to the file that its argument names, a line each.
 */
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { SLOW_MS, VERSIONS } from '../workload.ts';

interface Incoming {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: { readonly name?: string };
}

const [counts = ''] = process.argv.slice(2);

const TOOLS = ['small', 'slow'].map((name) => ({ name, inputSchema: { type: 'object' } }));

const RESULTS: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: VERSIONS.legacy,
    capabilities: { tools: {} },
    serverInfo: { name: 'bench', version: '1.0.0' },
  },
  'tools/list': { tools: TOOLS },
  'tools/call': { content: [{ type: 'text', text: 'pong' }] },
  ping: {},
};

function answer({ id, method }: Incoming): void {
  const result = RESULTS[method];
  const body = result === undefined ? { error: { code: -32601, message: `No ${method} here` } } : { result };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...body })}\n`);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as Incoming;
  appendFileSync(counts, `${message.method}\n`);
  if (message.id === undefined) return;
  if (message.params?.name === 'slow') setTimeout(() => answer(message), SLOW_MS);
  else answer(message);
});
