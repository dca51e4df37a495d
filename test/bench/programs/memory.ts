const { readFileSync } = process.getBuiltinModule('node:fs');

/**
 * The most memory that this process has held so far, in bytes, as Linux tells; elsewhere what it holds now. What
 * `getrusage` calls the most is that of the process that started this one, too.
 */
export function mostMemoryBytes(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readStatus())?.[1];
  return kilobytes === undefined ? process.memoryUsage.rss() : Number(kilobytes) * 1024;
}

function readStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
