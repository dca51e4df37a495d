/** A stdio upstream by SDK v1: legacy only. */
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { watchFromAfar } from './remote-watch.ts';
import { createV1Server } from './server-v1.ts';

await createV1Server(watchFromAfar()).connect(new StdioServerTransport());
