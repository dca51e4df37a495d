/** What there is to be told of changes of lists: counted in the table, whichever environment has learned of them. */
import type { ServerUpstream, VirtualServer } from '../catalog/plan.ts';
import type { ListCounts } from '../ports/listening.ts';
import { isSubscribable } from '../protocol/announcements.ts';
import { ANNOUNCED_LISTS, listsChangedBy, RESOURCE_UPDATED, type AnnouncedList } from '../protocol/methods.ts';
import type { NotificationMessage, RequestMessage } from '../protocol/message.ts';
import { upstreamKey } from '../upstream/eras.ts';
import type { Scope } from './errand.ts';
import { noteChange } from './changes.ts';
import type { Visit } from './visit.ts';
import type { Work } from './work.ts';

/** More resources than these cannot change between two looks at what the client has subscribed to. */
const MAX_UPDATED = 1000;

/** Only of the upstreams that the virtual server shows: nobody learns of any other. */
export async function countsOf(work: Work, { upstreams }: VirtualServer): Promise<ListCounts> {
  const { catalog } = work.stores;
  const changes = await catalog.changesOf(upstreams.map((upstream) => upstreamKey(upstream, work.ports.ids)));
  const counts = { tools: 0, prompts: 0, resources: 0 };
  for (const { tools = 0, prompts = 0, resources = 0, resourceTemplates = 0 } of changes) {
    counts.tools += tools;
    counts.prompts += prompts;
    counts.resources += resources + resourceTemplates;
  }
  return counts;
}

/** The lists that are not what the client was last told of. One that lost an upstream has changed as well. */
export function changedSince(told: ListCounts, now: ListCounts): readonly AnnouncedList[] {
  return ANNOUNCED_LISTS.filter((list) => told[list] !== now[list]);
}

/** The resource that a notification says to have changed, if anyone can have subscribed to it; undefined for any other notification. */
export function updatedBy({ method, params }: NotificationMessage): string | undefined {
  const uri = method === RESOURCE_UPDATED ? params?.['uri'] : undefined;
  return typeof uri === 'string' && isSubscribable(uri) ? uri : undefined;
}

/**
 * An announcement on the stream of a call, or nothing of the kind. It has no place in the answer to the call, so that a
 * change of a list is counted, and an update is kept until the client asks what is new: if it subscribed to the resource.
 */
export function noteAnnouncement(
  visit: Visit,
  scope: Scope,
  upstream: ServerUpstream,
  message: NotificationMessage | RequestMessage,
): void {
  if (message.kind !== 'notification') return;
  noteChange(visit, upstream, listsChangedBy(message.method));
  const uri = updatedBy(message);
  if (uri === undefined || scope.era === 'modern') return;
  const { session } = scope;
  const uris = visit.updated.get(upstream.name) ?? new Set();
  visit.updated.set(upstream.name, uris);
  if (uris.size < MAX_UPDATED) uris.add(uri);
  visit.changes.note(`updated ${upstream.name}`, () => keepUpdates(visit, session.key, upstream.name, uris));
}

async function keepUpdates(visit: Visit, session: string, upstream: string, uris: Set<string>): Promise<void> {
  const { listening } = visit.stores;
  const heard = [...uris];
  uris.clear();
  const { subscriptions } = await listening.read(session);
  const wanted = heard.filter((uri) => subscriptions.some((one) => one.uri === uri && one.upstream === upstream));
  await Promise.all(
    wanted.map((uri) => listening.noteUpdate(session, upstream, { uri, token: visit.ports.ids.random() })),
  );
}

/** How often listeners look whether there is something new that another environment has learned of, in milliseconds. */
export const LOOK_MS = 2000;

/** Time kept for the end of a stream before the invocation ends, in milliseconds. */
const LAST_WORD_MS = 1000;

/** For how long somebody may listen who would like to do so for `wishedMs`. */
export function timeToListen({ ports, invocation }: Work, wishedMs: number): number {
  return Math.max(0, Math.min(wishedMs, invocation.endsAt - ports.clock.now() - LAST_WORD_MS));
}
