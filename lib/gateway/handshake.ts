/**
 * The gateway's own introductions: `initialize` to legacy clients, `server/discover` to modern ones. Both speak for all
 * upstreams of the virtual server, as far as they are known or heard in time; one that is slow or down does not keep a
 * client from connecting.
 */
import type { Caller } from '../auth/caller.ts';
import type { ServerUpstream, VirtualServer } from '../catalog/plan.ts';
import { fail, succeed, type Failure, type Result } from '../errors.ts';
import type { ClientSession } from '../ports/client-sessions.ts';
import type { UpstreamSession } from '../ports/upstream-sessions.ts';
import {
  announcedServerCapabilities,
  ASSUMED_SERVER_CAPABILITIES,
  listedCapabilities,
} from '../protocol/capabilities.ts';
import { comesBack, LATEST_LEGACY, LEGACY_VERSIONS, MODERN_VERSIONS } from '../protocol/era.ts';
import { negotiate, readClientHello } from '../protocol/legacy/handshake.ts';
import { isObject, parseJson, resultText, type JsonObject, type RequestMessage } from '../protocol/message.ts';
import { META } from '../protocol/modern/envelope.ts';
import { MAX_HELLO_CHARS, newClientSession } from '../sessions/client-session.ts';
import { upstreamKey } from '../upstream/eras.ts';
import type { UpstreamTally } from '../upstream/fault.ts';
import { UNKEPT, type SessionKeeper } from '../upstream/legacy.ts';
import { askerOf, type Asker } from './asker.ts';
import { listsOf, type Listed } from './catalogs.ts';
import { closeLater } from './connection-tools.ts';
import type { ModernScope, Scope } from './errand.ts';
import { freshKeeper, sessionlessClient } from './upstream-sessions.ts';
import type { Visit } from './visit.ts';

/** An introduction waits this long for an upstream, and then goes on without it. */
const INTRODUCTION_MS = 2000;

/** An introduction this old still says what an upstream can do, in milliseconds. */
const INTRODUCTION_TOLERANCE_MS = 24 * 60 * 60 * 1000;

export interface Welcome {
  /** The client session's id: told to the client once, kept only as a digest. */
  readonly sessionId: string;
  readonly session: ClientSession;
  readonly text: string;
}

// ------------------------------------------------------------------------------------------------------ initialize

/** Opens a client session, with the upstream sessions that had to be opened to hear an introduction. */
export async function initialize(
  visit: Visit,
  server: VirtualServer,
  caller: Caller,
  request: RequestMessage,
  tally: UpstreamTally,
): Promise<Result<Welcome>> {
  const hello = readClientHello(request.params);
  if (hello === undefined)
    return fail({ kind: 'invalid-params', reason: 'These are not the parameters of initialize' });
  if (request.text.length > MAX_HELLO_CHARS) {
    return fail({ kind: 'invalid-params', reason: `initialize is larger than ${MAX_HELLO_CHARS} characters` });
  }
  const { ids, clock } = visit.ports;
  const sessionId = ids.random();
  const opened: OpenedSessions = new Map();
  const session = newClientSession(
    {
      key: ids.digest(sessionId),
      server: server.name,
      caller: caller.key,
      protocolVersion: negotiate(hello.requestedVersion),
      clientInfo: hello.clientInfo,
      clientCapabilities: hello.capabilities,
      upstreamSessions: {},
    },
    clock.now(),
  );
  let created = false;
  try {
    const introduced = await introductions(visit, server, newSessionAsker(caller, session, opened), tally);
    if (!introduced.ok) return introduced;
    const upstreamSessions = Object.fromEntries([...opened].map(([upstream, own]) => [upstream.name, own]));
    created = await visit.stores.clientSessions.create({ ...session, upstreamSessions });
    if (!created) return fail({ kind: 'internal' });
    return succeed({
      sessionId,
      session,
      text: resultText(request.idText, initializeResult(visit, session, introduced.value)),
    });
  } finally {
    if (!created) for (const [upstream, own] of opened) closeLater(visit, upstream, own);
  }
}

/** What was opened while the client session was being made; late ones are not attached, and closed. */
type OpenedSessions = Map<ServerUpstream, UpstreamSession>;

function newSessionAsker(caller: Caller, session: ClientSession, opened: OpenedSessions): Asker {
  const { protocolVersion: version, clientCapabilities } = session;
  return {
    era: 'legacy',
    caller,
    legacy: { version, clientCapabilities: listedCapabilities(clientCapabilities) },
    keeper: (upstream, deadline) => ({
      identity: session,
      current: async () => undefined,
      attach: async (own) => {
        if (deadline.expiry() !== undefined) return { kind: 'gone' };
        opened.set(upstream, own);
        return { kind: 'attached' };
      },
      ...UNKEPT,
      logLevel: undefined,
      latestLogLevel: async () => undefined,
      levelOfCall: undefined,
      endsWithCall: false,
      canAsk: false,
    }),
  };
}

function initializeResult({ shared }: Visit, { protocolVersion }: ClientSession, introduced: Introduced): object {
  const { capabilities, instructions } = introduced;
  return {
    protocolVersion,
    capabilities,
    serverInfo: shared.identity,
    ...(instructions === undefined ? {} : { instructions }),
  };
}

// -------------------------------------------------------------------------------------------------- server/discover

/** JSON text of the response to `server/discover`. */
export async function discoverAll(
  visit: Visit,
  { server, caller, envelope }: ModernScope,
  request: RequestMessage,
  tally: UpstreamTally,
): Promise<Result<string>> {
  const client = sessionlessClient(visit, envelope, undefined);
  const asker: Asker = {
    era: 'modern',
    caller,
    legacy: { version: LATEST_LEGACY, clientCapabilities: {} },
    keeper: () => freshKeeper(client),
  };
  const introduced = await introductions(visit, server, asker, tally);
  if (!introduced.ok) return introduced;
  const { capabilities, instructions, ttlMs, isPublic } = introduced.value;
  const result = {
    resultType: 'complete',
    supportedVersions: [...MODERN_VERSIONS, ...LEGACY_VERSIONS],
    capabilities,
    ...(instructions === undefined ? {} : { instructions }),
    ttlMs,
    cacheScope: isPublic ? 'public' : 'private',
    _meta: { [META.serverInfo]: visit.shared.identity },
  };
  return succeed(resultText(request.idText, result));
}

// ----------------------------------------------------------------------------------------------------------- common

/** What the upstreams are, taken together. */
interface Introduced {
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  /** What was only assumed is stale at once, and nobody else's. */
  readonly ttlMs: number;
  readonly isPublic: boolean;
}

type Heard = Extract<Listed, { kind: 'listed' }>;

async function introductions(
  visit: Visit,
  server: VirtualServer,
  asker: Asker,
  tally: UpstreamTally,
): Promise<Result<Introduced>> {
  const wanted = server.upstreams.map((upstream) => ({ upstream, member: 'introduction' as const }));
  const all = await listsOf({ work: visit, asker, patienceMs: INTRODUCTION_MS, tally, toleranceMs: 0 }, wanted);
  const heard = all.filter((one) => one.kind === 'listed');
  const unheard = all.filter((one) => one.kind === 'unavailable');
  for (const { upstream, failure } of unheard) {
    const { requestId } = visit.invocation;
    const notice = { kind: 'upstream-unavailable', upstream: upstream.name, member: 'introduction' } as const;
    visit.ports.actionLog.notice(requestId, { ...notice, reason: failure.kind });
  }
  const refusal = unheard.find(({ failure }) => turnsAway(failure))?.failure;
  if (refusal !== undefined && unheard.every(({ failure }) => turnsAway(failure)) && heard.length === 0) {
    return fail(refusal);
  }
  const texts = heard.map(({ upstream, text }) => ({ upstream, ...readIntroduction(text) }));
  const isPolled = asker.era === 'legacy' && visit.shared.config.listen === 'poll';
  const spoken = texts.map((text) => {
    const capabilities = heardCapabilities(visit, text);
    return isPolled && isModernOnly(visit, text.upstream) ? withoutNews(capabilities) : capabilities;
  });
  return succeed({
    capabilities: announcedServerCapabilities(
      [...spoken, ...unheard.map(() => ASSUMED_SERVER_CAPABILITIES)],
      asker.era === 'modern' || canBeTold(visit, asker.legacy.version),
    ),
    instructions: instructionsOf(server, texts),
    ttlMs: unheard.length > 0 ? 0 : Math.floor(Math.min(...heard.map(({ ttlMs }) => ttlMs))),
    isPublic: unheard.length === 0 && heard.every(({ scope }: Heard) => scope === 'public'),
  });
}

/** Nobody is promised what has no way back to the client: a poll needs one that comes back by itself. */
function canBeTold({ shared }: Visit, version: string): boolean {
  const { listen } = shared.config;
  return listen === 'poll' ? comesBack(version) : listen !== 'off';
}

/** Such an upstream is listened to only while a stream is held: what it says of resources between polls is lost. */
function isModernOnly({ shared, ports }: Visit, upstream: ServerUpstream): boolean {
  const { era } = upstream.config;
  if (era !== 'auto') return era === 'modern';
  return shared.eraCache.get(upstreamKey(upstream, ports.ids))?.versions.legacy?.length === 0;
}

/** Whether the upstream has answered that it wants nothing to do with such a client, rather than not at all. */
function turnsAway(failure: Failure): boolean {
  return (
    failure.kind === 'era-lacking' ||
    failure.kind === 'upstream-refused' ||
    (failure.kind === 'upstream-http' && failure.status < 500)
  );
}

interface Spoken {
  readonly upstream: ServerUpstream;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}

/** Nothing is heard of an HTTP+SSE server beside the calls: its stream is the session, and ends with the call. */
function heardCapabilities(
  { shared, ports }: Visit,
  { upstream, capabilities }: Pick<Spoken, 'upstream' | 'capabilities'>,
): JsonObject {
  const transport = upstream.config.transport ?? shared.eraCache.get(upstreamKey(upstream, ports.ids))?.transport;
  return transport === 'sse' ? withoutNews(capabilities) : capabilities;
}

function withoutNews(capabilities: JsonObject): JsonObject {
  return capabilities['resources'] === undefined ? capabilities : { ...capabilities, resources: {} };
}

/** In the words of its introduction, as far as that is kept or can be had; undefined for an upstream that is not heard. */
export interface TellingUpstream {
  readonly upstream: ServerUpstream;
  readonly capabilities: JsonObject | undefined;
}

/** What the upstreams of a virtual server can do. An introduction changes so seldom that an old one will do. */
export async function tellingUpstreams(
  visit: Visit,
  scope: Scope,
  tally: UpstreamTally,
): Promise<readonly TellingUpstream[]> {
  const { upstreams } = scope.server;
  // A session in place does not introduce itself again.
  const keeper = (): SessionKeeper =>
    scope.era === 'modern'
      ? freshKeeper(sessionlessClient(visit, scope.envelope, undefined))
      : { ...freshKeeper({ ...scope.session, logLevel: undefined }), identity: scope.session };
  const asker: Asker = { ...askerOf(visit, scope), keeper };
  const wanted = upstreams.map((upstream) => ({ upstream, member: 'introduction' as const }));
  const reader = { work: visit, asker, patienceMs: INTRODUCTION_MS, tally, toleranceMs: INTRODUCTION_TOLERANCE_MS };
  const all = await listsOf(reader, wanted);
  return all.map((one) => ({
    upstream: one.upstream,
    capabilities:
      one.kind === 'listed'
        ? heardCapabilities(visit, { upstream: one.upstream, ...readIntroduction(one.text) })
        : undefined,
  }));
}

function readIntroduction(text: string): Omit<Spoken, 'upstream'> {
  const value = parseJson(text);
  const { capabilities, instructions } = isObject(value) ? value : {};
  return {
    capabilities: isObject(capabilities) ? capabilities : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}

/** Those of the only upstream as they are; of several, each under its name and with the prefix of its tools. */
function instructionsOf(server: VirtualServer, spoken: readonly Spoken[]): string | undefined {
  if (server.upstreams.length === 1) return spoken[0]?.instructions;
  const sections = spoken.flatMap(({ upstream, instructions }) => {
    const { prefix } = upstream.view;
    const tools = prefix === '' ? '' : ` (${prefix}__*)`;
    return instructions === undefined ? [] : [`# ${upstream.name}${tools}\n\n${instructions}`];
  });
  return sections.length === 0 ? undefined : sections.join('\n\n');
}
