/**
 * One process of a stdio upstream: JSON-RPC messages as lines of text, in and out (2026-07-28, basic/transports/stdio),
 * and its end.
 *
 * On POSIX systems a child leads a process group of its own, so that whatever it starts (`npx` runs a shell that runs
 * the server) ends with it, and so that a terminal's SIGINT reaches the gateway only, which then ends its children
 * itself. On Windows what a child has started is left alone. If the gateway is killed without a chance to end its
 * children, they see the end of their standard input.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { StdioConfig } from '../../config/schema.ts';
import { elementTexts } from '../../protocol/json-text.ts';
import { isObject, parseJson, type JsonObject } from '../../protocol/message.ts';
import { toBodyText } from '../../adapters/body-text.ts';
import { childEnvironment } from './environment.ts';
import { createLineReader } from './lines.ts';
import type { StdioTimes } from './times.ts';

export interface ChildListener {
  /** One message, parsed and as it was written. What it holds has not been checked. */
  message(value: JsonObject, text: string): void;
  /** Called once; no message comes after it. */
  gone(): void;
}

export interface ChildSetup {
  readonly stdio: StdioConfig;
  /** Longest line, in bytes. */
  readonly maxLineBytes: number;
  readonly times: StdioTimes;
  /** What the operator should know of the child: never what it was given, nor its messages. */
  readonly report: (text: string) => void;
  /** What the child writes on its standard error, line by line. */
  readonly onStderr: (text: string) => void;
}

export interface EndGrace {
  readonly closeMs: number;
  readonly termMs: number;
}

const SILENT: ChildListener = { message() {}, gone() {} };

/** What a child has not read yet, at most: it might never. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;
const MAX_STDERR_LINE_BYTES = 2000;
/** How long output may still arrive after the process that wrote it has ended. */
const LAST_OUTPUT_MS = 500;

const POSIX = process.platform !== 'win32';

export class StdioChild {
  /** Told of all that comes; may be replaced at any time. */
  listener: ChildListener = SILENT;
  /** Settles when the process runs, or with the system's error code when it could not be started. */
  readonly started: Promise<string | undefined>;
  /** Settles when the process has ended and all that it wrote has been read. */
  readonly closed: Promise<void>;
  readonly #setup: ChildSetup;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable> | undefined;
  readonly #markClosed: () => void;
  #state: 'running' | 'ending' | 'gone' = 'running';
  /** Whether its end, when it comes, need not be reported. */
  #isExpected = false;
  #exited = false;
  #ignoredLines = 0;

  constructor(setup: ChildSetup) {
    this.#setup = setup;
    const closed = Promise.withResolvers<void>();
    const started = Promise.withResolvers<string | undefined>();
    this.closed = closed.promise;
    this.started = started.promise;
    this.#markClosed = closed.resolve;
    try {
      this.#process = startProcess(setup.stdio);
    } catch (error) {
      started.resolve(codeOf(error));
      this.#gone();
      return;
    }
    this.#process.once('spawn', () => started.resolve(undefined));
    this.#process.on('error', (error) => {
      started.resolve(codeOf(error));
      // Without a process there is no `exit` to wait for.
      if (this.pid === undefined) this.#gone();
    });
    this.#follow(this.#process);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Whether it takes messages. */
  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Writes a message. False when the child takes none any more, or has left too many unread. */
  write(text: string): boolean {
    const input = this.#process?.stdin;
    if (input === undefined || !this.isRunning || input.writableLength > MAX_UNREAD_BYTES) return false;
    // Line breaks can only stand between the tokens of a JSON text.
    input.write(`${/[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text}\n`);
    return true;
  }

  /** Closes its standard input, and insists after a while, twice. Settles when it has ended. May be called again. */
  async end(grace: EndGrace): Promise<void> {
    this.#isExpected = true;
    await this.#end(grace);
  }

  /** Ends it at once, with all that it has started. */
  kill(): void {
    this.#signal('SIGKILL');
  }

  async #end({ closeMs, termMs }: EndGrace): Promise<void> {
    if (this.#state === 'running') this.#state = 'ending';
    this.#process?.stdin.end();
    if (await settlesWithin(this.closed, closeMs)) return;
    this.#signal('SIGTERM');
    if (await settlesWithin(this.closed, termMs)) return;
    this.kill();
    await this.closed;
  }

  #follow(child: ChildProcessByStdio<Writable, Readable, Readable>): void {
    const { maxLineBytes, times, report } = this.#setup;
    const giveUp = () => void this.#end(times);
    const output = createLineReader(maxLineBytes, {
      onLine: (line) => this.#readLine(line),
      onOverflow: () => {
        if (!this.isRunning) return;
        report(`wrote a message of more than ${maxLineBytes} bytes; its process is ended`);
        void this.end(times);
      },
    });
    child.stdout.on('data', (chunk: Buffer) => output.feed(chunk));
    // Closing its output is how a server ends the connection by itself; without its input it is of no use either.
    child.stdout.once('end', giveUp);
    child.stdout.once('error', giveUp);
    child.stdin.on('error', giveUp);
    this.#followStderr(child.stderr);
    child.once('exit', (code, signal) => {
      this.#exited = true;
      if (!this.#isExpected) report(`its process ended (${signal ?? `exit code ${code}`})`);
      this.#state = 'ending';
      // Nobody uses what it has left behind, which would keep its output open.
      this.#signal('SIGKILL');
      const stopWaiting = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, LAST_OUTPUT_MS);
      child.once('close', () => {
        clearTimeout(stopWaiting);
        this.#gone();
      });
    });
  }

  #followStderr(stderr: Readable): void {
    const tell = (line: Buffer) => {
      const text = printable(line);
      if (text !== '') this.#setup.onStderr(text);
    };
    const lines = createLineReader(MAX_STDERR_LINE_BYTES, {
      onLine: tell,
      onOverflow: (start) => tell(Buffer.concat([start, Buffer.from('...')])),
    });
    stderr.on('data', (chunk: Buffer) => lines.feed(chunk));
    stderr.once('end', () => tell(lines.rest()));
    stderr.on('error', () => stderr.destroy());
  }

  #readLine(line: Buffer): void {
    if (this.#state === 'gone') return;
    const text = toBodyText(line)?.trim();
    if (text === '') return;
    const value = text === undefined ? undefined : parseJson(text);
    if (isObject(value)) return this.listener.message(value, text!);
    // Several messages together, as revision 2025-03-26 allows.
    if (Array.isArray(value) && value.length > 0 && value.every(isObject)) {
      for (const element of elementTexts(text!)) this.listener.message(parseJson(element) as JsonObject, element);
      return;
    }
    this.#ignoredLines += 1;
    if (this.#ignoredLines === 1) {
      this.#setup.report('writes what is no JSON-RPC message on its standard output; such lines are ignored');
    }
  }

  #gone(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.listener.gone();
    this.#markClosed();
  }

  /** To the whole group, where there is one; also when its leader has just ended. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid === undefined || this.#state === 'gone') return;
    try {
      if (POSIX) process.kill(-pid, signal);
      else if (!this.#exited) process.kill(pid, signal);
    } catch (error) {
      // ESRCH: nobody is left. macOS says EPERM of a group of which nobody is left but the dead.
      const code = codeOf(error);
      if (code !== 'ESRCH' && code !== 'EPERM') throw error;
    }
  }
}

function startProcess({ command, args, env, cwd }: StdioConfig): ChildProcessByStdio<Writable, Readable, Readable> {
  return spawn(command, [...args], {
    env: childEnvironment(env),
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
    shell: false,
    detached: POSIX,
    windowsHide: true,
  });
}

function codeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code ?? name;
}

async function settlesWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  const settled = await Promise.race([promise.then(() => true), late.promise]);
  clearTimeout(timer);
  return settled;
}

/** On one line of a terminal, and nothing that a terminal would obey. */
function printable(line: Buffer): string {
  return line
    .toString('utf8')
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g, '')
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim();
}
