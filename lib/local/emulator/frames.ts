/** What the two sides of an environment tell each other: the main thread, and the worker thread that is the environment. */
import type { MessagePort } from 'node:worker_threads';
import type { FunctionUrlEvent } from '../../adapters/lambda/event.ts';
import type { ActionLogFormat } from '../../adapters/logging/action-log.ts';

/** Given to a worker when it is started. */
export interface EnvironmentData {
  /** URL of the module whose export `handlerExport` is the handler. */
  readonly handlerUrl: string;
  readonly handlerExport: string;
  /** One Int32: how many invocations were handed over so far. The worker sleeps on it. */
  readonly handedOver: SharedArrayBuffer;
  /** Carries `InvocationFrame`s; the worker reads it when it wakes up, without an event loop. */
  readonly invocations: MessagePort;
  /** Carries `AnswerFrame`s to the main thread and `CreditFrame`s back. */
  readonly answers: MessagePort;
  /** How its log is captured; undefined when nobody but the reader of its descriptor wants it. */
  readonly log: LogCapture | undefined;
}

/** What a function writes to a file descriptor is its log, in JSON. */
export interface LogCapture {
  readonly fd: number;
  /** How the lines are written there in the end. */
  readonly format: ActionLogFormat;
  readonly colour: boolean;
}

export interface InvocationFrame {
  readonly event: FunctionUrlEvent;
  readonly requestId: string;
  /** `Root=...;Parent=...;Sampled=...`, as the function finds it in `_X_AMZN_TRACE_ID`. */
  readonly traceHeader: string;
  /** When the invocation is ended by force, milliseconds since the epoch. */
  readonly endsAt: number;
}

export type AnswerFrame =
  /** The module is loaded, and the environment takes invocations. */
  | { readonly kind: 'ready' }
  /** The module could not be loaded, or exports no handler that streams. */
  | { readonly kind: 'unusable'; readonly reason: string }
  /** Status, headers and cookies, as JSON. */
  | { readonly kind: 'head'; readonly prelude: string }
  | { readonly kind: 'chunk'; readonly data: string | Uint8Array }
  /** The body is whole. The invocation may go on. */
  | { readonly kind: 'end' }
  /** A line of the function's log, where it is captured; it has been written by then. */
  | { readonly kind: 'log'; readonly line: string }
  /** The handler's promise has settled; with `failure` when it was rejected, or had not ended its stream. */
  | { readonly kind: 'done'; readonly failure: string | undefined };

/** So many units of the answer (`length` of its chunks) have reached the client, or nobody. */
export interface CreditFrame {
  /** Which of the environment's invocations, counted from 1. */
  readonly invocation: number;
  readonly units: number;
}

/** How many units of an answer may be under way to the client before its writer has to wait. */
export const UNITS_UNDER_WAY = 256 * 1024;
/** Credit is given in pieces of this many units, so that small answers need none. */
export const CREDIT_UNITS = 64 * 1024;
