/** Writes one line, whole; the line break is the writer's. */
export type LineWriter = (line: string) => void;

/** How long a line waits for a reader that does not keep up, in milliseconds. */
const PATIENCE_MS = 1000;

const fs = process.getBuiltinModule('node:fs');
const nobodyNotifies = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes to a file descriptor and returns when the system has taken the line, so that a process that is ended right
 * afterwards leaves it. A line that nobody takes (the reader is gone, or has stopped reading) is lost: a call does not
 * fail because its log line could not be written, and there is no other place to tell it.
 */
export function createLineWriter(fd: number): LineWriter {
  return (line) => {
    let rest = Buffer.from(`${line}\n`);
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (rest.length > 0) {
      const written = tryWrite(fd, rest);
      if (written === 'gone' || (written === 'full' && performance.now() > giveUpAt)) return;
      if (written === 'full') Atomics.wait(nobodyNotifies, 0, 0, 1);
      else rest = rest.subarray(written);
    }
  };
}

/** How many bytes were taken; `full` when a pipe takes none for the moment. */
function tryWrite(fd: number, bytes: Buffer): number | 'full' | 'gone' {
  try {
    return fs.writeSync(fd, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'full' : 'gone';
  }
}
