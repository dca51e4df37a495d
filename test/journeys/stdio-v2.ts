/** A stdio upstream by SDK v2: both eras. */
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { watchFromAfar } from './remote-watch.ts';
import { createV2Server } from './server-v2.ts';

const watch = watchFromAfar();
serveStdio(({ era }) => createV2Server(watch, era));
