/**
 * The gateway's own introductions: `initialize` to legacy clients, `server/discover` to modern ones. Both speak for the
 * upstream as far as it is heard in time; one that is slow or down does not keep a client from connecting.
 */
import type { Caller } from '../auth/caller.ts';
import type { ServerUpstream, VirtualServer } from '../catalog/plan.ts';
import { fail, succeed, type Result } from '../errors.ts';
import { DeadlineExpired, startDeadline, type Deadline } from '../policies/deadline.ts';
import type { ClientSession, UpstreamSession } from '../ports.ts';
import {
  announcedClientCapabilities,
  announcedServerCapabilities,
  ASSUMED_SERVER_CAPABILITIES,
} from '../protocol/capabilities.ts';
import { isLegacyVersion, LEGACY_VERSIONS, MODERN_VERSIONS } from '../protocol/era.ts';
import { negotiate, readClientHello, type ClientHello, type ServerHello } from '../protocol/legacy/handshake.ts';
import { isObject, isShallowObject, resultText, type JsonObject, type RequestMessage } from '../protocol/message.ts';
import { META } from '../protocol/modern/envelope.ts';
import { MAX_HELLO_CHARS, newClientSession } from '../sessions/client-session.ts';
import { learn, modernVersionsOf, offeredInstead } from '../upstream/eras.ts';
import { lastOf, type Answer } from '../upstream/exchange.ts';
import type { UpstreamTally } from '../upstream/fault.ts';
import { endOfRefusal, openUpstreamSession } from '../upstream/legacy.ts';
import { discover, type EraWrong } from '../upstream/modern.ts';
import { closeLater, connectionTools, eraTools } from './connection-tools.ts';
import { SERVER_INFO } from './identity.ts';
import { upstreamFailure } from './ending.ts';
import type { ModernScope } from './errand.ts';
import { eraLacking, explainRefusal } from './relay.ts';
import type { Visit } from './visit.ts';

/** An introduction waits this long for an upstream, and then goes on without it. */
const INTRODUCTION_MS = 2000;

export interface Welcome {
  /** The client session's id: told to the client once, kept only as a digest. */
  readonly sessionId: string;
  readonly session: ClientSession;
  readonly text: string;
}

// ------------------------------------------------------------------------------------------------------ initialize

/** Opens a client session, and the upstream session that belongs to it. */
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
  const deadline = startIntroduction(visit);
  try {
    const { upstream } = server;
    const met = await meet(visit, upstream, hello, deadline, tally);
    if (!met.ok) return met;
    return await createClientSession(visit, server, caller, request, hello, met.value);
  } finally {
    deadline.stop();
  }
}

/** What was learned of the upstream; undefined when it was not heard from. */
type Met = { readonly session: UpstreamSession; readonly hello: ServerHello } | undefined;

async function meet(
  visit: Visit,
  upstream: ServerUpstream,
  hello: ClientHello,
  deadline: Deadline,
  tally: UpstreamTally,
): Promise<Result<Met>> {
  const { requestedVersion } = hello;
  if (upstream.config.era === 'modern') {
    return fail(eraLacking(upstream.name, false, requestedVersion, MODERN_VERSIONS));
  }
  const client = {
    protocolVersion: negotiate(requestedVersion),
    clientCapabilities: hello.capabilities,
    clientInfo: hello.clientInfo,
  };
  const tools = connectionTools(visit, deadline, tally);
  const opened = await openUpstreamSession(upstream, client, visit.ports.ids, tools);
  switch (opened.kind) {
    case 'opened':
      return succeed(opened);
    case 'end':
      return succeed(undefined);
    case 'refused': {
      const explained = explainRefusal(upstream, requestedVersion, opened, eraTools(visit, tools));
      const reason = await inTime(visit, deadline, explained, { kind: 'end', end: endOfRefusal(opened) });
      return fail(
        reason.kind === 'failure' ? reason.failure : upstreamFailure(visit, reason.end, upstream.name, null, tally),
      );
    }
  }
}

async function createClientSession(
  visit: Visit,
  server: VirtualServer,
  caller: Caller,
  request: RequestMessage,
  hello: ClientHello,
  met: Met,
): Promise<Result<Welcome>> {
  const { ids, clock } = visit.ports;
  const { upstream } = server;
  const protocolVersion =
    met !== undefined && isLegacyVersion(met.hello.protocolVersion)
      ? met.hello.protocolVersion
      : negotiate(hello.requestedVersion);
  const sessionId = ids.random();
  const session = newClientSession(
    {
      key: ids.digest(sessionId),
      server: server.name,
      caller: caller.key,
      protocolVersion,
      clientInfo: hello.clientInfo,
      clientCapabilities: hello.capabilities,
      upstreamSessions: met === undefined ? {} : { [upstream.name]: met.session },
    },
    clock.now(),
  );
  let created = false;
  try {
    created = await visit.stores.clientSessions.create(session);
  } finally {
    if (!created && met !== undefined) closeLater(visit, upstream, met.session);
  }
  if (!created) return fail({ kind: 'internal' });
  const result = {
    protocolVersion,
    capabilities: met === undefined ? ASSUMED_SERVER_CAPABILITIES : announcedServerCapabilities(met.hello.capabilities),
    serverInfo: SERVER_INFO,
    ...(met?.hello.instructions === undefined ? {} : { instructions: met.hello.instructions }),
  };
  return succeed({ sessionId, session, text: resultText(request.idText, result) });
}

// -------------------------------------------------------------------------------------------------- server/discover

/** JSON text of the response to `server/discover`. */
export async function introduce(
  visit: Visit,
  scope: ModernScope,
  request: RequestMessage,
  tally: UpstreamTally,
): Promise<Result<string>> {
  const deadline = startIntroduction(visit);
  const { upstream } = scope.server;
  const tools = connectionTools(visit, deadline, tally);
  const eras = eraTools(visit, tools);
  const { version, clientCapabilities } = scope.envelope;
  const lacking = async (): Promise<Result<string>> =>
    fail(
      eraLacking(
        upstream.name,
        true,
        version,
        await inTime(visit, deadline, offeredInstead(upstream, 'modern', eras), []),
      ),
    );
  try {
    if (upstream.config.era === 'legacy') return await lacking();
    const meta = {
      ...clientInfoOf(request),
      [META.clientCapabilities]: announcedClientCapabilities(clientCapabilities),
    };
    const answer = await lastOf(discover(upstream, meta, visit.ports.ids.random(), tools));
    const versions = versionsIn(answer);
    if (versions?.includes(version) === false) return await lacking();
    if (versions !== undefined && upstream.config.era === 'auto') learn(upstream, 'modern', versions, eras);
    return succeed(resultText(request.idText, discoverResult(answer)));
  } finally {
    deadline.stop();
  }
}

/** Undefined when the upstream was not heard from, so that nothing is known. */
function versionsIn(answer: Answer | EraWrong): readonly string[] | undefined {
  switch (answer.kind) {
    case 'final':
      return modernVersionsOf(answer);
    case 'era-wrong':
      return [];
    case 'end':
      return undefined;
  }
}

function discoverResult(answer: Answer | EraWrong): object {
  const heard = answer.kind === 'final' && 'result' in answer.response.body ? answer.response.body.result : undefined;
  return {
    resultType: 'complete',
    supportedVersions: supportedVersions(heard),
    capabilities: isObject(heard?.['capabilities'])
      ? announcedServerCapabilities(heard['capabilities'])
      : ASSUMED_SERVER_CAPABILITIES,
    ...(typeof heard?.['instructions'] === 'string' ? { instructions: heard['instructions'] } : {}),
    // What was only assumed is stale at once, and nobody else's.
    ttlMs: typeof heard?.['ttlMs'] === 'number' ? heard['ttlMs'] : 0,
    cacheScope: heard?.['cacheScope'] === 'public' ? 'public' : 'private',
    _meta: { [META.serverInfo]: SERVER_INFO },
  };
}

/** The revisions that both the gateway and the upstream speak; the modern ones when the upstream was not heard from. */
function supportedVersions(heard: JsonObject | undefined): readonly string[] {
  const offered = heard?.['supportedVersions'];
  if (!Array.isArray(offered)) return MODERN_VERSIONS;
  return [...MODERN_VERSIONS, ...LEGACY_VERSIONS].filter((version) => offered.includes(version));
}

function clientInfoOf(request: RequestMessage): JsonObject {
  const meta = request.params?.['_meta'];
  const info = isObject(meta) ? meta[META.clientInfo] : undefined;
  return isShallowObject(info) ? { [META.clientInfo]: info } : {};
}

// ----------------------------------------------------------------------------------------------------------- common

/** What the work comes to, or `otherwise` once the introduction has waited long enough. */
async function inTime<T>(visit: Visit, deadline: Deadline, work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await visit.within(deadline, work);
  } catch (error) {
    if (error instanceof DeadlineExpired) return otherwise;
    throw error;
  }
}

function startIntroduction(visit: Visit): Deadline {
  const { endsAt } = visit.invocation;
  return startDeadline(visit.ports.clock, { totalMs: INTRODUCTION_MS, idleMs: undefined, endsAt });
}
