import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { CREDIT_UNITS } from './frames.ts';
import type { AnswerFrame, CreditFrame, EnvironmentData, InvocationFrame, LogCapture } from './frames.ts';

/** Where an environment's answer goes. After `end` or `broken` nothing more comes. */
export interface AnswerSink {
  /** Status, headers and cookies, as JSON. */
  head(prelude: string): void;
  /** `taken` is called once the chunk has left for the client, or nobody wants it any more. */
  chunk(data: string | Uint8Array, taken: () => void): void;
  end(): void;
  /** The invocation failed, or its environment ended, before the answer did. */
  broken(): void;
}

export interface EnvironmentOptions {
  /** Unique among the environments of an emulator; the function finds it as its log stream's name. */
  readonly id: string;
  /** The worker's own program. */
  readonly program: URL;
  readonly handlerUrl: string;
  readonly handlerExport: string;
  /** All of the environment's variables: nothing is inherited. */
  readonly variables: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  /** Longest an invocation may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What the platform would write to its own log: a failed invocation, a timeout, a crash. */
  readonly report: (line: string) => void;
  /** What the function's code posts on its `parentPort`. */
  readonly onMessage: (message: unknown) => void;
  /** How the function's log is captured, and who hears it, a line at a time; nobody when it is left out. */
  readonly log?: (LogCapture & { readonly onLine: (line: string) => void }) | undefined;
  /** Told whenever its state is another one, first of all `starting`. */
  readonly onState?: ((state: EnvironmentState, invocations: number) => void) | undefined;
}

export type EnvironmentState = 'starting' | 'idle' | 'busy' | 'gone';

interface Running {
  readonly requestId: string;
  readonly sink: AnswerSink;
  readonly timer: NodeJS.Timeout;
  /** Called once the environment is idle again, or gone. */
  readonly over: () => void;
  answeredAt: number | undefined;
  /** Taken by the client, and not yet credited to the worker. */
  uncreditedUnits: number;
}

/** What a function URL needs of an execution environment, whatever it is made of. It serves one invocation at a time. */
export interface ExecutionEnvironment {
  readonly id: string;
  readonly state: EnvironmentState;
  /** How many invocations it was given. */
  readonly invocations: number;
  /** When its answer was out, if its invocation has not ended since; on the clock of `performance.now()`. */
  readonly answeredAt: number | undefined;
  /** Rejects when the function cannot be loaded, or the environment ended before it was. */
  readonly ready: Promise<void>;
  /** Settles when the environment is gone. */
  readonly gone: Promise<void>;
  /**
   * Hands over an invocation, to an environment that is idle or was killed meanwhile. `over` is called once, when it
   * has ended in whatever way.
   */
  invoke(invocation: Omit<InvocationFrame, 'endsAt'>, sink: AnswerSink, over: () => void): void;
  /** Ends it at once, whatever it is doing; its client sees the connection end, or a 502. */
  kill(): Promise<void>;
}

/** A line of the platform's own log: of an environment, and of its invocation if it has one. */
export function logLine(environment: string, requestId: string | undefined, words: string): string {
  return [environment, requestId, words].filter((part) => part !== undefined).join(' ');
}

/** What the platform says of an invocation that took longer than it may. */
export function timeoutWords(timeoutMs: number): string {
  return `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
}

/** An environment that is a worker thread, seen from the main thread. */
export class Environment implements ExecutionEnvironment {
  readonly id: string;
  readonly ready: Promise<void>;
  readonly gone: Promise<void>;

  #state: EnvironmentState = 'starting';
  #invocations = 0;
  #running: Running | undefined;
  readonly #options: EnvironmentOptions;
  readonly #worker: Worker;
  readonly #handedOver = new Int32Array(new SharedArrayBuffer(4));
  readonly #invocationPort: MessagePort;
  readonly #answerPort: MessagePort;
  readonly #settleReady: { resolve: () => void; reject: (reason: Error) => void };
  readonly #settleGone: () => void;

  constructor(options: EnvironmentOptions) {
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

    const invocations = new MessageChannel();
    const answers = new MessageChannel();
    this.#invocationPort = invocations.port1;
    this.#answerPort = answers.port1;
    this.#answerPort.on('message', (frame: AnswerFrame) => this.#receive(frame));
    this.#worker = startWorker(options, {
      handlerUrl: options.handlerUrl,
      handlerExport: options.handlerExport,
      handedOver: this.#handedOver.buffer,
      invocations: invocations.port2,
      answers: answers.port2,
      log: options.log && { fd: options.log.fd, format: options.log.format, colour: options.log.colour },
    });
    this.#worker.on('message', options.onMessage);
    this.#worker.on('error', (error) => this.#leave(`crashed: ${error instanceof Error ? error.stack : error}`));
    this.#worker.on('exit', () => {
      this.#leave('exited by itself');
      this.#closePorts();
    });
    options.onState?.(this.#state, this.#invocations);
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
    const { timeoutMs } = this.#options;
    const { requestId } = invocation;
    const timer = setTimeout(() => this.#timeOut(), timeoutMs);
    this.#running = { requestId, sink, timer, over, answeredAt: undefined, uncreditedUnits: 0 };
    this.#invocations += 1;
    this.#enter('busy');
    this.#invocationPort.postMessage({ ...invocation, endsAt: Date.now() + timeoutMs } satisfies InvocationFrame);
    Atomics.add(this.#handedOver, 0, 1);
    Atomics.notify(this.#handedOver, 0);
  }

  async kill(): Promise<void> {
    this.#leave(undefined);
    await this.#worker.terminate();
  }

  #receive(frame: AnswerFrame): void {
    const running = this.#running;
    switch (frame.kind) {
      case 'ready':
        if (this.#state !== 'starting') return;
        this.#enter('idle');
        return this.#settleReady.resolve();
      case 'unusable':
        return this.#leave(`cannot be used: ${frame.reason}`);
      case 'head':
        return running?.sink.head(frame.prelude);
      case 'chunk':
        return running?.sink.chunk(frame.data, () => this.#credit(running, frame.data.length));
      case 'end':
        if (running === undefined) return;
        running.answeredAt = performance.now();
        return running.sink.end();
      case 'log':
        return this.#options.log?.onLine(frame.line);
      case 'done':
        return this.#finish(frame.failure);
    }
  }

  #credit(running: Running, units: number): void {
    running.uncreditedUnits += units;
    if (running !== this.#running || running.uncreditedUnits < CREDIT_UNITS) return;
    const credit: CreditFrame = { invocation: this.#invocations, units: running.uncreditedUnits };
    this.#answerPort.postMessage(credit);
    running.uncreditedUnits = 0;
  }

  #finish(failure: string | undefined): void {
    const running = this.#running;
    if (running === undefined) return;
    if (failure !== undefined) this.#options.report(logLine(this.id, running.requestId, `Invoke Error ${failure}`));
    this.#enter('idle');
    this.#endRunning(running);
  }

  #timeOut(): void {
    const { report, timeoutMs } = this.#options;
    report(logLine(this.id, this.#running?.requestId, timeoutWords(timeoutMs)));
    this.#leave(undefined);
    void this.#worker.terminate();
  }

  /** What the environment has told but the event loop not delivered yet; its end may overtake that. */
  #receiveRest(): void {
    for (;;) {
      const next = receiveMessageOnPort(this.#answerPort);
      if (next === undefined) return;
      this.#receive(next.message as AnswerFrame);
    }
  }

  /** The environment is no more. `reason` is for the platform's log, unless it is what someone wanted. */
  #leave(reason: string | undefined): void {
    if (this.#state !== 'gone') this.#receiveRest();
    if (this.#state === 'gone') return;
    const running = this.#running;
    this.#enter('gone');
    if (reason !== undefined) this.#options.report(logLine(this.id, running?.requestId, reason));
    this.#settleReady.reject(new Error(`${this.id} ${reason ?? 'was ended'}`));
    this.#settleGone();
    if (running !== undefined) this.#endRunning(running);
  }

  /** Until it has ended it may still write to its log. */
  #closePorts(): void {
    this.#receiveRest();
    this.#answerPort.close();
    this.#invocationPort.close();
  }

  #enter(state: EnvironmentState): void {
    this.#state = state;
    this.#options.onState?.(state, this.#invocations);
  }

  #endRunning(running: Running): void {
    this.#running = undefined;
    clearTimeout(running.timer);
    if (running.answeredAt === undefined) running.sink.broken();
    running.over();
  }
}

function startWorker(options: EnvironmentOptions, data: EnvironmentData): Worker {
  return new Worker(options.program, {
    name: options.id,
    workerData: data,
    transferList: [data.invocations, data.answers],
    env: { ...options.variables },
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: options.memoryMb },
  });
}
