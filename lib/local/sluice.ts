#!/usr/bin/env node
/** The operator's command `sluice`. */
import { runCommand } from './operator/command.ts';

/** As shells count it: 128 and the number of the signal. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Commands that are being run end with the process. */
for (const [signal, status] of Object.entries(SIGNALS)) process.on(signal, () => process.exit(status));

/** A reader that has seen enough is no trouble. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => resolve());
  });
}

let written: Promise<unknown> = Promise.resolve();

function writer(stream: NodeJS.WriteStream): (text: string) => void {
  return (text) => {
    written = Promise.all([written, write(stream, `${text}\n`)]);
  };
}

const status = await runCommand(
  process.argv.slice(2),
  {
    folder: process.cwd(),
    variables: process.env,
    terminal: process.stdout.isTTY ? { columns: process.stdout.columns } : undefined,
  },
  { print: writer(process.stdout), complain: writer(process.stderr) },
);
await written;
process.exit(status);
