/** One attempt of a client at a call, and what it makes of the answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { modernRequest, post, type Headers, type WireResponse } from '../../support/wire.ts';
import type { CallPlan } from './plan.ts';

/** JSON as tests look into it. */
type AnyJson = any;

/** What a client knows after an attempt. */
export type Outcome =
  | { readonly kind: 'answer'; readonly call: string; readonly receipt: string; readonly replayed: boolean }
  /** It was not executed, says the gateway. */
  | { readonly kind: 'not-run'; readonly code: number; readonly waitMs: number }
  /** It may have been executed, says the gateway. */
  | { readonly kind: 'unknown'; readonly code: number }
  /** An earlier attempt is still under way. */
  | { readonly kind: 'running'; readonly waitMs: number }
  /** The connection broke, or the platform or the store's absence answered: the same may be sent again. */
  | { readonly kind: 'broken'; readonly how: string }
  /** The client has waited long enough. */
  | { readonly kind: 'abandoned' }
  /** Something that no client of this test should hear. */
  | { readonly kind: 'other'; readonly text: string };

export interface Attempt {
  /** Travels with the call as its trace, as clients send one, and so is different for each attempt. */
  readonly id: string;
  readonly purpose: 'call' | 'twin' | 'again';
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: Outcome;
}

export interface Place {
  readonly url: string;
  /** Of the client session; undefined for a modern client. */
  readonly session: Headers | undefined;
  /** Added to each request. */
  readonly mark: Headers;
  /** How long a client waits, in milliseconds. */
  readonly patienceMs: number;
  /** Hears of every request that was sent, whether or not somebody still waits for its answer. */
  readonly onSent: (answered: Promise<unknown>) => void;
}

const STILL_RUNNING = 1025;
const STORE_UNAVAILABLE = 1030;

let lastId = 0;

/** Sends the call once. */
export async function attempt(plan: CallPlan, purpose: Attempt['purpose'], place: Place): Promise<Attempt> {
  const number = (lastId += 1);
  const id = number.toString(16).padStart(32, '0');
  const startedAt = performance.now();
  const answered = send(plan, number, id, place).then(
    (response) => read(response, number),
    (error: unknown): Outcome => ({ kind: 'broken', how: String(error) }),
  );
  place.onSent(answered);
  const patience = new AbortController();
  const abandoned = sleep(place.patienceMs, { kind: 'abandoned' } as const, { signal: patience.signal });
  const outcome = await Promise.race([answered, abandoned.catch(() => answered)]);
  patience.abort();
  return { id, purpose, startedAt, endedAt: performance.now(), outcome };
}

function send(plan: CallPlan, number: number, trace: string, place: Place): Promise<WireResponse> {
  const inMeta = plan.keyForm === 'meta' ? { 'io.sluice/idempotency-key': plan.key } : {};
  const params = {
    name: plan.tool,
    arguments: { call: plan.id, amount: plan.number },
    _meta: { traceparent: `00-${trace}-${trace.slice(16)}-01`, ...inMeta },
    ...(plan.keyForm === 'param' ? { idempotencyKey: plan.key } : {}),
  };
  const headers = { ...place.mark, ...keyHeader(plan) };
  if (place.session === undefined) {
    const request = modernRequest('tools/call', params, {
      id: number,
      ...(plan.progress ? { progressToken: number } : {}),
    });
    return post(place.url, request.body, { ...request.headers, ...headers });
  }
  const _meta = { ...params._meta, ...(plan.progress ? { progressToken: number } : {}) };
  const body = { jsonrpc: '2.0', id: number, method: 'tools/call', params: { ...params, _meta } };
  return post(place.url, body, { ...place.session, ...headers });
}

function keyHeader({ keyForm, key }: CallPlan): Headers {
  if (keyForm === 'header') return { 'idempotency-key': key };
  return keyForm === 'quoted-header' ? { 'idempotency-key': `"${key}"` } : {};
}

function read({ status, messages, text }: WireResponse, id: number): Outcome {
  const final: AnyJson = messages.find((message) => message.id === id);
  if (final?.result !== undefined) return readResult(final.result);
  const error: AnyJson = final?.error ?? messages.find((message) => message.error !== undefined)?.error;
  // What the platform says in the function's place is no message, and a stream that broke has no last one.
  if (error === undefined) return { kind: 'broken', how: String(status) };
  const { code, data } = error;
  const waitMs = Number(data?.retryAfterMs ?? 1000 * Number(data?.retryAfter ?? 0));
  if (code === STORE_UNAVAILABLE) return { kind: 'broken', how: 'store' };
  if (code === STILL_RUNNING) return { kind: 'running', waitMs };
  if (data?.mayHaveRun === true) return { kind: 'unknown', code };
  if (data?.mayHaveRun === false) return { kind: 'not-run', code, waitMs };
  return { kind: 'other', text: `${status} ${text}` };
}

function readResult(result: AnyJson): Outcome {
  const { call, receipt } = JSON.parse(result.content?.[0]?.text ?? '{}') as Record<string, string>;
  if (call === undefined || receipt === undefined) return { kind: 'other', text: JSON.stringify(result) };
  return { kind: 'answer', call, receipt, replayed: result._meta?.['io.sluice/replayed'] === true };
}
