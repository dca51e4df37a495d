/**
 * What Lambda promises of an environment, and what its runtime does, as far as the gateway depends on it. The emulator is
 * held to these in the tests, and AWS's own runtime in the conformance run, so that neither can differ from the other.
 */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import type { Answer, Stage, StageOptions } from './stage.ts';

export interface RuntimePromise {
  /** A sentence. */
  readonly name: string;
  readonly options?: StageOptions;
  /** Throws when it is not kept. */
  check(stage: Stage): Promise<void>;
}

const MIXED = 'grüße, 世界 𝄞\u0000\n';

export const runtimePromises: readonly RuntimePromise[] = [
  {
    name: 'what is written arrives while the invocation still runs',
    async check(stage) {
      const coming = await stage.begin('/in-two-pieces');
      equal(coming.first, 'first,');
      equal(stage.function.environments[0]?.state, 'busy');
      (await stage.waiting('between')).open();
      const { status, text, whole } = await coming.rest();
      deepEqual({ status, text, whole }, { status: 200, text: 'first,second', whole: true });
    },
  },
  {
    name: 'an answer without a body arrives, with its status and headers',
    async check(stage) {
      const { status, headers, text, whole } = await stage.call('/empty');
      deepEqual({ status, kept: headers['x-kept'], text, whole }, { status: 202, kept: 'yes', text: '', whole: true });
    },
  },
  {
    name: 'status and headers that are ended without a write are nothing at all',
    async check(stage) {
      await rejects(stage.call('/end-without-write'), /socket hang up/);
      equal((await served(stage, '/empty')).status, 202);
    },
  },
  {
    name: 'an answer that is no HTTP response is 200 and bytes',
    async check(stage) {
      const { status, headers, text } = await stage.call('/raw');
      const type = headers['content-type'];
      deepEqual({ status, type, text }, { status: 200, type: 'application/octet-stream', text: 'raw' });
    },
  },
  {
    name: 'a large text arrives there and back as it was sent',
    async check(stage) {
      const sent = MIXED.repeat(100_000);
      const { text, whole } = await stage.call('/echo', sent);
      ok(whole && text === sent, `${text.length} of ${sent.length} characters came back`);
    },
  },
  {
    name: 'an answer that breaks off is broken off for the client, and what is to be done after it is done',
    async check(stage) {
      const coming = await stage.begin('/broken-off');
      (await stage.waiting('half')).open();
      (await stage.waiting('afterword')).open();
      const { status, text, whole } = await coming.rest();
      deepEqual({ status, text, whole }, { status: 200, text: 'half an', whole: false });
      const { environment, afterwords } = await about(stage);
      deepEqual({ environment, afterwords }, { environment: 'env-1', afterwords: 1 });
      match(stage.reports.join('\n'), /^env-1 \S+ Invoke Error .*in the middle of the answer/);
    },
  },
  ...['/throw', '/reject-with-nothing-written'].map((path) => ({
    name: `a handler that fails before its answer is a 502 that tells nothing, and its environment serves on (${path})`,
    async check(stage: Stage) {
      const { status, text } = await stage.call(path);
      deepEqual({ status, text }, { status: 502, text: 'Internal Server Error' });
      equal((await served(stage, '/empty')).status, 202);
      match(stage.reports.join('\n'), /^env-1 \S+ Invoke Error .*(before the answer|nothing was written)/);
      equal(stage.function.environments[0]?.id, 'env-1');
    },
  })),
  {
    name: 'an exception outside the handler takes its environment with it',
    async check(stage) {
      equal((await stage.call('/crash')).status, 502);
      equal((await about(stage)).environment, 'env-2');
    },
  },
  {
    name: 'a handler that destroys its answer takes its environment with it',
    async check(stage) {
      const { text, whole } = await (await stage.begin('/destroy')).rest();
      deepEqual({ text, whole }, { text: 'started', whole: false });
      equal((await about(stage)).environment, 'env-2');
    },
  },
  {
    name: 'an environment is killed at the timeout, in the middle of an answer',
    options: { timeoutMs: 1000 },
    async check(stage) {
      const coming = await stage.begin('/hanging');
      const { text, whole } = await coming.rest();
      deepEqual({ text, whole }, { text: 'started', whole: false });
      match(stage.reports.join('\n'), /^env-1 \S+ Task timed out after 1\.00 seconds$/);
    },
  },
  {
    name: 'a handler that returns in the middle of its answer holds its environment until the timeout',
    options: { timeoutMs: 1000 },
    async check(stage) {
      const { text, whole } = await (await stage.begin('/return-without-end')).rest();
      deepEqual({ text, whole }, { text: 'started', whole: false });
      match(stage.reports.join('\n'), /^env-1 \S+ Task timed out after 1\.00 seconds$/);
    },
  },
  ...['/return-without-anything', '/never-return'].map((path) => ({
    name: `a handler that leaves its answer to nobody holds its environment until the timeout (${path})`,
    options: { timeoutMs: 1000 },
    async check(stage: Stage) {
      equal((await stage.call(path)).status, 502);
      match(stage.reports.join('\n'), /^env-1 \S+ Task timed out after 1\.00 seconds$/);
    },
  })),
  {
    name: 'work after the answer is done before the environment takes another invocation',
    async check(stage) {
      const { text, whole } = await stage.call('/afterword');
      deepEqual({ text, whole }, { text: 'answered', whole: true });
      const working = await stage.waiting('afterword');
      equal(stage.function.environments[0]?.state, 'busy');
      equal((await stage.call('/empty')).status, 429);
      const next = about(stage);
      working.open();
      const { environment, afterwords } = await next;
      deepEqual({ environment, afterwords }, { environment: 'env-1', afterwords: 1 });
    },
  },
  {
    name: 'an environment is frozen between invocations: a timer left behind fires in the next one',
    options: { limit: 2 },
    async check(stage) {
      await stage.call('/leave-timer');
      // The other environment lives on for longer than the timer.
      await stage.call('/take-time?400');
      const thawedAt = Date.now();
      // It fires when the event loop goes on, which is before or after this invocation is read.
      await stage.call('/take-time?50');
      await stage.call('/empty');
      const { timersFiredAt } = await about(stage);
      equal(timersFiredAt.length, 1);
      ok(timersFiredAt[0]! >= thawedAt, 'it fired while the environment was to be frozen');
    },
  },
  {
    name: 'an invocation knows its request, its function, its trace and its time',
    options: { timeoutMs: 30_000 },
    async check(stage) {
      const told = await about(stage);
      equal(told.requestId, told.event.requestContext.requestId);
      equal(told.functionName, 'sluice-local');
      match(told.functionArn, /^arn:aws:lambda:[a-z0-9-]+:000000000000:function:sluice-local$/);
      const [root, ...others] = told.trace.split(';');
      match(root!, /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
      equal(root, told.event.headers['x-amzn-trace-id']);
      match(others.join(';'), /^Parent=[0-9a-f]{16};Sampled=0$/);
      equal(told.memoryMb, '512');
      equal(told.home, undefined);
      ok(told.remainingMs > 25_000 && told.remainingMs <= 30_000, `${told.remainingMs} ms are left of 30,000`);
    },
  },
];

interface About {
  readonly environment: string;
  readonly afterwords: number;
  readonly timersFiredAt: readonly number[];
  readonly event: { readonly headers: Record<string, string>; readonly requestContext: { readonly requestId: string } };
  readonly requestId: string;
  readonly functionArn: string;
  readonly functionName: string;
  readonly memoryMb: string;
  readonly remainingMs: number;
  readonly trace: string;
  readonly home?: string;
}

async function about(stage: Stage): Promise<About> {
  const { text } = await served(stage, '/about');
  return JSON.parse(text) as About;
}

/** Asks until there is an environment for it: the invocation before may not be quite over. */
async function served(stage: Stage, path: string): Promise<Answer> {
  for (;;) {
    const answer = await stage.call(path);
    if (answer.status !== 429) return answer;
  }
}
