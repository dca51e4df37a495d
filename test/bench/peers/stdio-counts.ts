import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StdioUpstream } from '../programs/gateway-data.ts';
import type { Counts } from '../programs/program.ts';

/** What has reached a server over stdio, however many processes of it there are: a line in a file for each message. */
export interface StdioCounts {
  readonly file: string;
  read(): Promise<Counts>;
  close(): Promise<void>;
}

export async function openStdioCounts(): Promise<StdioCounts> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-stdio-'));
  const file = join(folder, 'counts');
  await writeFile(file, '');
  const read = async (): Promise<Counts> => {
    const methods = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
    const grouped = [...Map.groupBy(methods, (method) => method)];
    return Object.fromEntries(grouped.map(([method, own]) => [method, own.length] as const));
  };
  return { file, read, close: () => rm(folder, { recursive: true, force: true }) };
}

/** The command of the server that is counted there. */
export function stdioServer({ file }: StdioCounts): StdioUpstream {
  const server = fileURLToPath(new URL('../programs/stdio-upstream.ts', import.meta.url));
  return { command: process.execPath, args: [server, file] };
}
