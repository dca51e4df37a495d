/** What the calls whose environments are ended take place in: a stage, the upstreams behind it, and bystanders. */
import { expect } from 'vitest';
import { LATEST_MODERN } from '../../lib/protocol/era.ts';
import { startScriptedUpstream, type ScriptedUpstream } from '../gateway/scripted-upstream.ts';
import { startFaultyUpstream, type FaultyUpstream } from '../support/faulty-upstream.ts';
import {
  modernRequest,
  openLegacySession,
  post,
  type Headers,
  type LegacyOptions,
  type LegacySession,
  type ModernOptions,
  type WireResponse,
} from '../support/wire.ts';
import { startStage, type Stage } from './stage.ts';

/** JSON as tests look into it. */
type AnyJson = any;

/** Virtual servers whose upstream has never been called; each can be met for the first time once. */
const STRANGERS = 60;

/** The limit of the tool `slow`, in milliseconds. */
const SLOW_MS = 150;

export interface World {
  readonly stage: Stage;
  /** In both eras. */
  readonly upstream: FaultyUpstream;
  /** Knows the legacy era only. */
  readonly old: FaultyUpstream;
  /** Its tool `ask` has a question before it answers. */
  readonly asking: ScriptedUpstream;
  /** Address of the virtual server over one of them, whose era is given. */
  url(server: 'modern' | 'legacy' | 'asking'): string;
  /** Address of a virtual server whose upstream the gateway has yet to learn the eras of. */
  strangerUrl(era: 'both' | 'old'): string;
  openSession(options?: LegacyOptions): Promise<LegacySession>;
  /** A session whose upstream session could not be opened with it. */
  openLoneSession(): Promise<LegacySession>;
  /** How often an upstream was sent a call with this tag; `stale` is an upstream session in which it ran none. */
  executions(tag: string, stale?: string): number;
  /** Other clients, in both eras, make a call each. */
  bystandersCall(): Promise<void>;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const upstream = await startFaultyUpstream({ era: 'both' });
  const old = await startFaultyUpstream({ era: 'legacy' });
  const asking = await startScriptedUpstream();
  upstream.on('streamed', 'sse');
  upstream.on('slow', 'hang');
  asking.onCall(async (incoming) => {
    const { name, arguments: given } = incoming.params;
    if (name === 'ask') await incoming.ask(given.tag, 'elicitation/create', QUESTION);
    incoming.answer({ content: [{ type: 'text', text: JSON.stringify(given) }] });
  });
  const stage = await startStage(configOf(upstream.url, old.url, asking.url));
  const { gateway } = stage;
  const bystander = await openLegacySession(gateway.url('legacy'));
  let strangers = 0;
  let bystanderCalls = 0;

  const world: World = {
    stage,
    upstream,
    old,
    asking,
    url: (server) => gateway.url(server),
    strangerUrl: (era) => gateway.url(`${era}-${(strangers += 1)}`),
    openSession: (options) => openLegacySession(gateway.url('legacy'), options),
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
    async bystandersCall() {
      const tag = `bystander ${(bystanderCalls += 1)}`;
      const [inSession, modern] = await Promise.all([
        callInSession(gateway.url('legacy'), bystander, tag),
        callModern(gateway.url('modern'), tag),
      ]);
      expectAnswer(inSession, tag);
      expectAnswer(modern, tag);
    },
    async close() {
      await stage.close();
      await Promise.all([upstream.stop(), old.stop(), asking.stop()]);
    },
  };
  return world;
}

const QUESTION = { message: 'Go on?', requestedSchema: { type: 'object', properties: {} } };

function configOf(both: string, old: string, asking: string) {
  const known = {
    modern: { url: both, prefix: '', era: 'modern', tools: { slow: { timeoutMs: SLOW_MS } } },
    legacy: { url: both, prefix: '', era: 'legacy', tools: { slow: { timeoutMs: SLOW_MS } } },
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

/** Calls the tool that answers with its arguments, unless another is named. */
export function callInSession(
  url: string,
  session: LegacySession,
  tag: string,
  { tool = 'ok', mark = {} }: { readonly tool?: string; readonly mark?: Headers } = {},
): Promise<WireResponse> {
  return post(url, legacyCall(tag, tool), { ...session.headers, ...mark });
}

/** Asks for progress, so that a tool that streams has something to say. */
export function legacyCall(tag: string, tool = 'ok') {
  const params = { name: tool, arguments: { tag }, _meta: { progressToken: tag } };
  return { jsonrpc: '2.0', id: tag, method: 'tools/call', params };
}

export function callModern(
  url: string,
  tag: string,
  { tool = 'ok', mark = {} }: { readonly tool?: string; readonly mark?: Headers } = {},
): Promise<WireResponse> {
  const options: ModernOptions = { id: tag, version: LATEST_MODERN, progressToken: tag };
  const { body, headers } = modernRequest('tools/call', { name: tool, arguments: { tag } }, options);
  return post(url, body, { ...headers, ...mark });
}

/** The tool has answered with the arguments of this very call. */
export function expectAnswer(response: WireResponse, tag: string): void {
  const final: AnyJson = response.messages.find(({ id }) => id === tag);
  expect([response.status, final?.result?.content], response.text).toEqual([
    200,
    [{ type: 'text', text: JSON.stringify({ tag }) }],
  ]);
}
