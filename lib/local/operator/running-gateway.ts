/**
 * How the operator's command finds the local gateway that runs in a folder: by a file that is there while it runs. With
 * several in one folder, the one that was started last is found.
 */
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RunningGateway {
  readonly pid: number;
  /** Without a path. */
  readonly origin: string;
  readonly dynamodbEndpoint: string;
  readonly table: string;
  /** Absolute; null for the demo. The configuration itself may hold secrets. */
  readonly configFile: string | null;
  /** Whether it has a console. */
  readonly hasConsole: boolean;
  /** Tells the configuration that it runs with from what the file says now. */
  readonly configDigest: string;
  /** Addresses that the configuration does not name, by upstream: of commands that it hosts, or of the demo. */
  readonly urls: Readonly<Record<string, string>>;
}

const FOLDER = '.sluice';
const FILE = 'local.json';

/**
 * Writes the file, for its owner alone: whoever knows the address of a hosted command can call it. Throws the file
 * system's error. What it returns removes the file, unless a later gateway has written its own; it goes with the process
 * at the latest.
 */
export function announceGateway(folder: string, gateway: RunningGateway): () => void {
  const place = join(folder, FOLDER);
  const file = join(place, FILE);
  const draft = `${file}.${gateway.pid}`;
  mkdirSync(place, { recursive: true, mode: 0o700 });
  rmSync(draft, { force: true });
  // Whole or not at all, whoever reads it meanwhile.
  writeFileSync(draft, `${JSON.stringify(gateway, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(draft, file);
  const remove = () => {
    process.off('exit', remove);
    if (readGateway(file)?.pid !== gateway.pid) return;
    rmSync(file, { force: true });
    removeIfEmpty(place);
  };
  process.on('exit', remove);
  return remove;
}

/** The gateway that runs in this folder; undefined when there is none any more. */
export function findGateway(folder: string): RunningGateway | undefined {
  const gateway = readGateway(join(folder, FOLDER, FILE));
  return gateway !== undefined && isAlive(gateway.pid) ? gateway : undefined;
}

/** Undefined for what this version has not written. */
function readGateway(file: string): RunningGateway | undefined {
  let value: Partial<Record<keyof RunningGateway, unknown>> | null;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as typeof value;
  } catch {
    return undefined;
  }
  const texts = [value?.origin, value?.dynamodbEndpoint, value?.table, value?.configDigest];
  const isWhole =
    Number.isSafeInteger(value?.pid) &&
    texts.every((text) => typeof text === 'string') &&
    typeof value?.hasConsole === 'boolean' &&
    (value?.configFile === null || typeof value?.configFile === 'string') &&
    typeof value.urls === 'object' &&
    value.urls !== null &&
    Object.values(value.urls).every((url) => typeof url === 'string');
  return isWhole ? (value as RunningGateway) : undefined;
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Others may keep something there. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}
