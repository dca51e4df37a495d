/** What the calls whose environments are ended take place in: a stage, the upstreams behind it, and bystanders. */
import { expect } from 'vitest';
import { startScriptedUpstream, type ScriptedUpstream } from '../gateway/scripted-upstream.ts';
import { startFaultyUpstream, type FaultyUpstream } from '../support/faulty-upstream.ts';
import {
  modernRequest,
  openLegacySession,
  post,
  type Headers,
  type LegacyOptions,
  type LegacySession,
  type WireResponse,
} from '../support/wire.ts';
import { startStage, type Stage } from './stage.ts';

/** JSON as tests look into it. */
type AnyJson = any;

/** Virtual servers whose upstream has never been called; each can be met for the first time once. */
const STRANGERS = 200;

/** The limit of the tool `slow`, in milliseconds. */
const SLOW_MS = 150;

const QUESTION = { message: 'Go on?', requestedSchema: { type: 'object', properties: {} } };

/**
 * Tools everywhere: any name answers with its arguments, but for `streamed` (progress before the answer), `slow` (never
 * answers) and `ask` (has a question before it answers; only on `asking`).
 */
export interface World {
  readonly stage: Stage;
  /** In both eras. */
  readonly upstream: FaultyUpstream;
  /** Address of the virtual server over `upstream` in one era, or over the upstream that asks, which is legacy. */
  url(server: 'modern' | 'legacy' | 'asking'): string;
  /** Address of a virtual server whose upstream, of both eras or of the legacy one only, the gateway has yet to meet. */
  strangerUrl(eras: 'both' | 'old'): string;
  /** A session that has called its upstream, and so has an upstream session. */
  openSession(options?: LegacyOptions): Promise<LegacySession>;
  /** A session without an upstream session. */
  openLoneSession(): Promise<LegacySession>;
  /** How often an upstream was sent a call with this tag; `stale` is an upstream session in which it ran none. */
  executions(tag: string, stale?: string): number;
  /** Other clients, in both eras, make a call each. */
  expectBystandersServed(): Promise<void>;
  /** Rejects if the gateway was in trouble. */
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const upstream = await startFaultyUpstream({ era: 'both' });
  const old = await startFaultyUpstream({ era: 'legacy' });
  const asking = await startAskingUpstream();
  upstream.on('streamed', 'sse');
  upstream.on('slow', 'hang');
  const stage = await startStage(configOf(upstream.url, old.url, asking.url));
  const { gateway } = stage;
  const bystander = await openLegacySession(gateway.url('legacy'));
  let strangers = 0;
  let bystanderCalls = 0;
  let firstCalls = 0;

  return {
    stage,
    upstream,
    url: (server) => gateway.url(server),
    strangerUrl: (eras) => gateway.url(`${eras}-${(strangers += 1)}`),
    async openSession(options) {
      const session = await openLegacySession(gateway.url('legacy'), options);
      await expectServedInSession(gateway.url('legacy'), session, `first ${(firstCalls += 1)}`);
      return session;
    },
    async openLoneSession() {
      upstream.onMethod('initialize', 'http-500');
      const session = await openLegacySession(gateway.url('legacy'));
      upstream.onMethod('initialize', 'ok');
      return session;
    },
    executions: (tag, stale) =>
      [...upstream.requests, ...old.requests, ...asking.received].filter(
        ({ message, sessionId }) =>
          message?.method === 'tools/call' &&
          message.params.arguments.tag === tag &&
          (stale === undefined || sessionId !== stale),
      ).length,
    async expectBystandersServed() {
      const tag = `bystander ${(bystanderCalls += 1)}`;
      await Promise.all([
        expectServedInSession(gateway.url('legacy'), bystander, tag),
        expectServedModern(gateway.url('modern'), tag),
      ]);
    },
    async close() {
      await Promise.all([upstream.stop(), old.stop(), asking.stop()]);
      await stage.close();
    },
  };
}

async function startAskingUpstream(): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream();
  upstream.onCall(async (incoming) => {
    const { name, arguments: given } = incoming.params;
    if (name === 'ask') await incoming.ask(given.tag, 'elicitation/create', QUESTION);
    incoming.answer({ content: [{ type: 'text', text: JSON.stringify(given) }] });
  });
  return upstream;
}

function configOf(both: string, old: string, asking: string) {
  const slow = { tools: { slow: { timeoutMs: SLOW_MS } } };
  const known = {
    modern: { url: both, prefix: '', era: 'modern', ...slow },
    legacy: { url: both, prefix: '', era: 'legacy', ...slow },
    asking: { url: asking, prefix: '', era: 'legacy' },
  };
  const strangers = Array.from({ length: STRANGERS }, (_, index) => index + 1).flatMap((number) => [
    [`both-${number}`, { url: `${both}?${number}`, prefix: '' }] as const,
    [`old-${number}`, { url: `${old}?${number}`, prefix: '' }] as const,
  ]);
  const upstreams = { ...known, ...Object.fromEntries(strangers) };
  const servers = Object.fromEntries(Object.keys(upstreams).map((name) => [name, { upstreams: [name] }]));
  return { upstreams, servers: { ...servers, default: { upstreams: ['legacy'] } } };
}

// ------------------------------------------------------------------------------------------------------------ calls

interface CallOptions {
  /** `ok` when left out. */
  readonly tool?: string | undefined;
  /** Headers of a run. */
  readonly mark?: Headers;
}

/** The tag is the request's id, and in the arguments. */
export function callInSession(
  url: string,
  session: LegacySession,
  tag: string,
  { tool, mark = {} }: CallOptions = {},
): Promise<WireResponse> {
  return post(url, legacyCall(tag, tool), { ...session.headers, ...mark });
}

/** Asks for progress, so that a tool that streams has something to say. */
export function legacyCall(tag: string, tool = 'ok') {
  const params = { name: tool, arguments: { tag }, _meta: { progressToken: tag } };
  return { jsonrpc: '2.0', id: tag, method: 'tools/call', params };
}

export function callModern(url: string, tag: string, { tool = 'ok', mark = {} }: CallOptions = {}) {
  const params = { name: tool, arguments: { tag } };
  const { body, headers } = modernRequest('tools/call', params, { id: tag, progressToken: tag });
  return post(url, body, { ...headers, ...mark });
}

/** The response ends with the tool's answer to the call of this tag. */
export function expectAnswer(response: WireResponse, tag: string): void {
  const final: AnyJson = response.messages.find(({ id }) => id === tag);
  const answered: unknown = final?.result?.content?.[0]?.text ?? response.text;
  expect(`${response.status} ${String(answered)}`).toBe(`200 ${JSON.stringify({ tag })}`);
}

/** The session serves its client, at the first attempt. */
export async function expectServedInSession(url: string, session: LegacySession, tag: string): Promise<void> {
  expectAnswer(await callInSession(url, session, tag), tag);
}

/** The virtual server serves a modern client, at the first attempt. */
export async function expectServedModern(url: string, tag: string): Promise<void> {
  expectAnswer(await callModern(url, tag), tag);
}
