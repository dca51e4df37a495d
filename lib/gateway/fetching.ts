/** What an upstream says of itself and lists, asked for on the gateway's own behalf: it is kept for others as well. */
import { LISTING_CAPABILITIES, NO_LIST } from '../catalog/listing.ts';
import { Pages, usableTtl, type WholeList } from '../catalog/pages.ts';
import type { ServerUpstream } from '../catalog/plan.ts';
import type { Failure } from '../errors.ts';
import { startDeadline, type Deadline } from '../policies/deadline.ts';
import type { CatalogMember } from '../ports/catalog.ts';
import type { Span } from '../ports/tracer.ts';
import { carriedServerCapabilities } from '../protocol/capabilities.ts';
import { LATEST_MODERN, type Era } from '../protocol/era.ts';
import { isObject, JSON_RPC, requestText } from '../protocol/message.ts';
import type { JsonObject, NotificationMessage, RequestMessage } from '../protocol/message.ts';
import { LIST_METHODS, listsChangedBy, type ListMember } from '../protocol/methods.ts';
import { META } from '../protocol/modern/envelope.ts';
import { withoutBaggage } from '../protocol/trace-context.ts';
import type { CallEnd, UpstreamTally } from '../upstream/fault.ts';
import type { SessionKeeper } from '../upstream/legacy.ts';
import { callAdmitted } from './admission.ts';
import type { ModernRequest } from '../upstream/modern.ts';
import { connectionTools, eraTools } from './connection-tools.ts';
import { failureOfEnd, unexpectedFailure } from './ending.ts';
import { noteChange } from './changes.ts';
import type { Line, UpstreamRequest } from './upstream-call.ts';
import { forSeveralCalls } from './upstream-sessions.ts';
import type { Work } from './work.ts';

export type Fetched =
  | { readonly kind: 'fetched'; readonly era: Era; readonly list: WholeList }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Whom to ask for what, and on whose behalf. */
export interface Inquiry {
  readonly upstream: ServerUpstream;
  readonly member: CatalogMember;
  /** The era that is tried first. */
  readonly preferred: Era;
  readonly keeper: (deadline: Deadline, span: Span) => SessionKeeper;
  /** The upstream's own limit of a call comes first if it is shorter, in milliseconds. */
  readonly patienceMs: number;
  /** How much of that has gone by already. */
  readonly spentMs: number;
  readonly tally: UpstreamTally;
}

/** Never rejects: whatever goes wrong is a failure of this upstream alone. */
export async function inquire(work: Work, inquiry: Inquiry): Promise<Fetched> {
  const { upstream, member, preferred, tally } = inquiry;
  const deadline = startDeadline(work.ports.clock, {
    totalMs: Math.min(upstream.config.timeoutMs, inquiry.patienceMs),
    spentMs: inquiry.spentMs,
    idleMs: upstream.config.idleTimeoutMs,
    endsAt: work.invocation.endsAt,
  });
  const tools = connectionTools(work, deadline, tally);
  const connection = { ...tools, ancestry: withoutBaggage(tools.ancestry) };
  // Nobody is there to be asked anything: what is listed is kept for others as well.
  const keeper: SessionKeeper = { ...inquiry.keeper(deadline, tally.span), canAsk: false };
  const eras = eraTools(work, connection);
  try {
    return await fetchMember({ work, upstream, preferred, keeper, deadline, connection, eras }, member);
  } catch (error) {
    const expiry = deadline.expiry();
    const failure =
      expiry === undefined ? unexpectedFailure(work, error) : failureOfEnd(work, expiry, upstream.name, null, tally);
    return { kind: 'failed', failure };
  } finally {
    deadline.stop();
  }
}

async function fetchMember(line: Line, member: CatalogMember): Promise<Fetched> {
  if (member === 'introduction') return readIntroduction(line);
  const { keeper, close } = forSeveralCalls(line.work, line.upstream, line.keeper);
  try {
    return await readPages({ ...line, keeper }, member);
  } finally {
    close();
  }
}

/** All pages, one after the other. */
async function readPages(line: Line, member: ListMember): Promise<Fetched> {
  const pages = new Pages(member, line.work.shared.config.limits.upstreamMessageBytes);
  let cursor: string | undefined;
  for (;;) {
    const last = await lastEvent(line, member, listRequest(line, member, cursor));
    if (last.kind === 'failure') return { kind: 'failed', failure: last.failure };
    if (last.kind === 'end') return ended(line, last.end);
    if (last.kind !== 'final') return ended(line, { kind: 'upstream-closed' });
    const { response, era } = last;
    if ('error' in response.body) {
      const { error } = response.body;
      if (error.code === JSON_RPC.methodNotFound && cursor === undefined) {
        return { kind: 'fetched', era, list: { text: NO_LIST, ttlMs: undefined, scope: 'private' } };
      }
      return ended(line, { kind: 'upstream-refused', error });
    }
    const progress = pages.add(response);
    if (progress.kind === 'complete') return { kind: 'fetched', era, list: progress.list };
    if (progress.kind === 'unusable') return ended(line, { kind: 'upstream-garbled', reason: progress.reason });
    ({ cursor } = progress);
  }
}

function ended({ work, upstream, connection }: Line, end: CallEnd): Fetched {
  return { kind: 'failed', failure: failureOfEnd(work, end, upstream.name, null, connection.tally) };
}

async function lastEvent(line: Line, member: ListMember, request: UpstreamRequest) {
  for await (const event of callAdmitted(line, request)) {
    if (event.kind === 'interim') noteAnnouncement(line, event.message, member);
    else if (event.kind !== 'opened') return event;
  }
  return { kind: 'end', end: { kind: 'upstream-closed' } } as const;
}

/** A change is a change, whatever it is announced beside; but a list is not stale because of what comes with it. */
function noteAnnouncement(
  { work, upstream }: Line,
  message: NotificationMessage | RequestMessage,
  beside?: ListMember,
): void {
  if (message.kind !== 'notification') return;
  const changed = listsChangedBy(message.method).filter((member) => member !== beside);
  noteChange(work, upstream, changed);
}

/** How an upstream introduces itself: what it can do, and what to know of it. */
export interface Introduction {
  readonly capabilities: JsonObject;
  readonly instructions?: string;
}

/** `server/discover` of a modern upstream; what a legacy one says when a session is opened. */
async function readIntroduction(line: Line): Promise<Fetched> {
  for await (const event of callAdmitted(line, discoverRequest(line))) {
    switch (event.kind) {
      case 'interim':
        noteAnnouncement(line, event.message);
        continue;
      case 'failure':
        return { kind: 'failed', failure: event.failure };
      case 'end':
        return ended(line, event.end);
      case 'opened':
        return fetchedIntroduction(event.era, event.hello.capabilities, event.hello.instructions);
      case 'final': {
        const { body } = event.response;
        if ('error' in body) return ended(line, { kind: 'upstream-refused', error: body.error });
        const { capabilities, instructions, ttlMs, cacheScope } = body.result;
        return fetchedIntroduction(event.era, capabilities, instructions, ttlMs, cacheScope);
      }
    }
  }
  return ended(line, { kind: 'upstream-closed' });
}

/** Longer instructions are cut, in characters: every client gets those of all upstreams. */
const MAX_INSTRUCTIONS_CHARS = 32 * 1024;

function fetchedIntroduction(
  era: Era,
  capabilities: unknown,
  instructions: unknown,
  ttlMs?: unknown,
  cacheScope?: unknown,
): Fetched {
  const introduction: Introduction = {
    capabilities: carriedServerCapabilities(isObject(capabilities) ? capabilities : {}),
    ...(typeof instructions === 'string' ? { instructions: instructions.slice(0, MAX_INSTRUCTIONS_CHARS) } : {}),
  };
  return {
    kind: 'fetched',
    era,
    list: {
      text: JSON.stringify(introduction),
      ttlMs: usableTtl(ttlMs),
      scope: cacheScope === 'public' ? 'public' : 'private',
    },
  };
}

function discoverRequest({ work }: Line): UpstreamRequest {
  return { modern: ownRequest(work, 'server/discover', {}), legacy: undefined };
}

function listRequest({ work }: Line, member: ListMember, cursor: string | undefined): UpstreamRequest {
  const method = LIST_METHODS[member];
  const page = cursor === undefined ? {} : { cursor };
  return { modern: ownRequest(work, method, page), legacy: (id) => requestText(id, method, page) };
}

/** A request of the gateway's own to a modern upstream. */
export function ownRequest({ shared }: Work, method: string, params: object): ModernRequest {
  const _meta = {
    [META.protocolVersion]: LATEST_MODERN,
    [META.clientInfo]: shared.identity,
    [META.clientCapabilities]: LISTING_CAPABILITIES,
  };
  return {
    method,
    name: undefined,
    paramHeaders: {},
    body: (id, context) => requestText(id, method, { ...params, _meta: { ..._meta, ...context } }),
  };
}
