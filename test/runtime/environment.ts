import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import {
  logLine,
  timeoutWords,
  type AnswerSink,
  type EnvironmentState,
  type ExecutionEnvironment,
} from '../../lib/local/emulator/environment.ts';
import type { InvocationFrame } from '../../lib/local/emulator/frames.ts';
import { endWithThisProcess } from '../support/child-process.ts';
import { writeResponse, type ResponseWriter } from './integration-response.ts';
import {
  startRuntimeApi,
  type ResponseHead,
  type ResponseReceiver,
  type RuntimeApi,
  type RuntimeFailure,
} from './runtime-api.ts';

export interface RuntimeProcessOptions {
  /** Unique among the environments of a function. */
  readonly id: string;
  /** A program for Node that is a runtime, with its arguments. */
  readonly program: readonly string[];
  /** All of the process's variables but the address of its Runtime API: nothing is inherited. */
  readonly variables: Readonly<Record<string, string>>;
  readonly functionArn: string;
  /** Longest an invocation may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What the platform would write to its own log: a failed invocation, a timeout, a crash. */
  readonly report: (line: string) => void;
  /** What the process writes, a line at a time. */
  readonly onLine: (line: string) => void;
}

interface Running {
  readonly requestId: string;
  readonly sink: AnswerSink;
  readonly timer: NodeJS.Timeout;
  /** Called once the environment is idle again, or gone. */
  readonly over: () => void;
  answeredAt: number | undefined;
  /** The client has been told all that it will be. */
  told: boolean;
}

const NO_RESPONSE: RuntimeFailure = { type: 'Runtime.InvalidResponse', message: 'It is no response of a function URL' };

/** Lambda gives a function 10 s to load, on its own machines. */
const INIT_LIMIT_MS = 60_000;

/**
 * An execution environment that is a process: a runtime, and the function in it. Between invocations, which is whenever
 * the runtime asks for the next one, the process is stopped, as Lambda freezes it.
 */
export class RuntimeProcess implements ExecutionEnvironment {
  readonly id: string;
  readonly ready: Promise<void>;
  readonly gone: Promise<void>;

  #state: EnvironmentState = 'starting';
  #invocations = 0;
  #running: Running | undefined;
  #api: RuntimeApi | undefined;
  #child: ChildProcess | undefined;
  readonly #options: RuntimeProcessOptions;
  readonly #settleReady: { resolve: () => void; reject: (reason: Error) => void };
  readonly #settleGone: () => void;
  readonly #initTimer: NodeJS.Timeout;

  constructor(options: RuntimeProcessOptions) {
    this.id = options.id;
    this.#options = options;
    const ready = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.gone = gone.promise;
    this.#settleReady = ready;
    this.#settleGone = gone.resolve;
    // Whoever waits for it sees the failure; nobody has to.
    this.ready.catch(() => undefined);
    this.#initTimer = setTimeout(
      () => this.#end(`was not loaded after ${INIT_LIMIT_MS / 1000} seconds`),
      INIT_LIMIT_MS,
    );
    this.#start().catch((error: unknown) => this.#end(`cannot be used: ${String(error)}`));
  }

  get state(): EnvironmentState {
    return this.#state;
  }

  get invocations(): number {
    return this.#invocations;
  }

  get answeredAt(): number | undefined {
    return this.#running?.answeredAt;
  }

  invoke(invocation: Omit<InvocationFrame, 'endsAt'>, sink: AnswerSink, over: () => void): void {
    if (this.#state === 'gone') {
      sink.broken();
      return over();
    }
    const { timeoutMs, functionArn } = this.#options;
    const { requestId, traceHeader: traceId, event } = invocation;
    const timer = setTimeout(() => this.#timeOut(), timeoutMs);
    const running: Running = { requestId, sink, timer, over, answeredAt: undefined, told: false };
    this.#running = running;
    this.#state = 'busy';
    this.#invocations += 1;
    this.#child?.kill('SIGCONT');
    const endsAt = Date.now() + timeoutMs;
    this.#api?.deliver({ requestId, traceId, functionArn, endsAt, event }, this.#receiverFor(running));
  }

  async kill(): Promise<void> {
    this.#end(undefined);
    await this.#ended;
  }

  get #ended(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once('close', () => resolve());
    });
  }

  async #start(): Promise<void> {
    const api = await startRuntimeApi({
      onIdle: () => this.#rest(),
      onInitFailure: ({ type, message }) => this.#end(`cannot be used: ${type} ${message}`),
    });
    if (this.#state === 'gone') return api.close();
    this.#api = api;
    this.#child = this.#spawn(api.address);
  }

  #spawn(address: string): ChildProcess {
    const { program, variables, onLine, report } = this.#options;
    const [file, ...args] = [...leash(), process.execPath, ...program] as [string, ...string[]];
    const child = spawn(file, args, {
      env: { ...variables, AWS_LAMBDA_RUNTIME_API: address },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithThisProcess(child);
    readLines(child.stdout, onLine);
    readLines(child.stderr, (line) => report(`${this.id} ${line}`));
    child.on('error', (error) => this.#end(`cannot be started: ${error.message}`));
    child.on('exit', (code, signal) => this.#end(`exited by itself (${signal ?? `status ${code}`})`));
    return child;
  }

  /** The runtime asks for an invocation: the function is loaded, or the invocation before is over. */
  #rest(): void {
    if (this.#state === 'gone') return;
    clearTimeout(this.#initTimer);
    this.#child?.kill('SIGSTOP');
    this.#state = 'idle';
    this.#settleReady.resolve();
    if (this.#running !== undefined) this.#endRunning(this.#running);
  }

  #receiverFor(running: Running): ResponseReceiver {
    let writer: ResponseWriter | undefined;
    return {
      begin: (head: ResponseHead) => {
        writer = writeResponse(head, running.sink);
      },
      chunk: (bytes, taken) => (running.told || writer === undefined ? taken() : writer.chunk(bytes, taken)),
      end: (failure) => this.#endAnswer(running, writer, failure),
    };
  }

  #endAnswer(running: Running, writer: ResponseWriter | undefined, failure: RuntimeFailure | undefined): void {
    // Whatever ended the process has broken its requests off, and has been told already.
    if (running.told || this.#state === 'gone') return;
    running.told = true;
    running.answeredAt = performance.now();
    if (failure === undefined && writer?.end() === true) return;
    const { type, message } = failure ?? NO_RESPONSE;
    this.#options.report(logLine(this.id, running.requestId, `Invoke Error ${type}: ${message}`));
    running.sink.broken();
  }

  #timeOut(): void {
    const { report, timeoutMs } = this.#options;
    report(logLine(this.id, this.#running?.requestId, timeoutWords(timeoutMs)));
    this.#end(undefined);
  }

  /** The environment is no more. `reason` is for the platform's log, unless it is what someone wanted. */
  #end(reason: string | undefined): void {
    if (this.#state === 'gone') return;
    const running = this.#running;
    this.#state = 'gone';
    clearTimeout(this.#initTimer);
    if (reason !== undefined) this.#options.report(logLine(this.id, running?.requestId, reason));
    this.#child?.kill('SIGKILL');
    this.#api?.close();
    this.#settleReady.reject(new Error(`${this.id} ${reason ?? 'was ended'}`));
    this.#settleGone();
    if (running !== undefined) this.#endRunning(running);
  }

  #endRunning(running: Running): void {
    this.#running = undefined;
    clearTimeout(running.timer);
    if (!running.told) {
      running.told = true;
      running.sink.broken();
    }
    running.over();
  }
}

let leashed: readonly string[] | undefined;

/**
 * What a program is started with that is to end with this process, however that ends: one that is stopped would outlive it,
 * if the system did not see to it. Only Linux does; elsewhere it ends with this process unless that is killed.
 */
function leash(): readonly string[] {
  const setpriv = ['setpriv', '--pdeathsig', 'KILL'] as const;
  leashed ??= spawnSync(setpriv[0], [...setpriv.slice(1), process.execPath, '--version']).status === 0 ? setpriv : [];
  return leashed;
}

function readLines(output: Readable, onLine: (line: string) => void): void {
  createInterface({ input: output }).on('line', onLine);
}
