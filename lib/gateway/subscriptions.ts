/**
 * `subscriptions/listen`: a modern client is told of changes while its request is open (2026-07-28,
 * basic/patterns/subscriptions). What any environment learns of lists is found in the table; for updates of resources,
 * and to be the one who learns, the gateway listens at the upstreams itself.
 */
import type { ServerUpstream } from '../catalog/plan.ts';
import { readAccept } from '../delivery/response.ts';
import { StoreError } from '../ports/stores.ts';
import {
  acknowledgedText,
  listChangedText,
  listenResultText,
  readFilter,
  updatedText,
  type ListenFilter,
} from '../protocol/announcements.ts';
import { ASSUMED_SERVER_CAPABILITIES, tellsOf } from '../protocol/capabilities.ts';
import type { RequestMessage } from '../protocol/message.ts';
import type { UpstreamTally } from '../upstream/fault.ts';
import { endingOfFailure, unexpectedFailure, type RelayReply } from './ending.ts';
import type { ModernScope } from './errand.ts';
import { tellingUpstreams, type TellingUpstream } from './handshake.ts';
import { Hearing, type HeardUpdate } from './hearing.ts';
import { changedSince, countsOf, LOOK_MS, timeToListen } from './news.ts';
import { candidatesOf } from './resources.ts';
import { forSeveralCalls, freshKeeper, sessionlessClient } from './upstream-sessions.ts';
import type { Visit } from './visit.ts';

/** The longest subscription, in milliseconds; its client begins another one. It occupies an environment for as long. */
const MAX_SUBSCRIPTION_MS = 5 * 60 * 1000;

/**
 * The subscription is acknowledged once the upstreams are listened to, or after this time, in milliseconds: the longer one
 * if it is for resources. Whatever resources no upstream has agreed to tell of by then are not acknowledged; they are
 * still told of once one does.
 */
const OPENING_MS = 500;
const AGREEING_MS = 2000;

/** Answers with whatever there is to be told. The result comes last, unless the client was seen to go. */
export async function* listenToChanges(
  visit: Visit,
  scope: ModernScope,
  request: RequestMessage,
  tally: UpstreamTally,
): AsyncGenerator<RelayReply, void> {
  const { idText } = request;
  const read = readFilter(request.params);
  if (read.kind === 'invalid') {
    yield endingOfFailure({ kind: 'invalid-params', reason: read.reason }, idText);
    return;
  }
  // An answer in one piece would come minutes later, and hold nothing.
  if (readAccept(visit.request.headers['accept'])?.eventStream !== true) {
    yield endingOfFailure({ kind: 'not-acceptable' }, idText);
    return;
  }
  const hearing = new Hearing(visit, MAX_SUBSCRIPTION_MS);
  try {
    yield* whileListening(visit, scope, idText, read.filter, hearing, tally);
  } finally {
    hearing.end();
    tally.cost.requests += hearing.requests;
  }
}

async function* whileListening(
  visit: Visit,
  scope: ModernScope,
  idText: string,
  wanted: ListenFilter,
  hearing: Hearing,
  tally: UpstreamTally,
): AsyncGenerator<RelayReply, void> {
  const { clock } = visit.ports;
  const { signal } = visit.request;
  const endsAt = clock.elapsed() + timeToListen(visit, MAX_SUBSCRIPTION_MS);
  let told = await countsOf(visit, scope.server);
  const telling = await tellingUpstreams(visit, scope, tally);
  const filters = await filtersOf(visit, scope, wanted, telling, tally);
  for (const [upstream, filter] of filters) listenAt(visit, scope, hearing, upstream, filter);
  await hearing.open(wanted.uris.length === 0 ? OPENING_MS : AGREEING_MS, signal);
  const honoured = honouredOf(wanted, telling, hearing);
  yield { kind: 'interim', text: acknowledgedText(honoured, idText) };
  const isGone = (): boolean => signal?.aborted === true;
  while (!isGone() && clock.elapsed() < endsAt) {
    for (const uri of wantedOf(hearing.takeUpdates(), filters)) {
      yield { kind: 'interim', text: updatedText(uri, idText) };
    }
    const now = (await lookAtCounts(visit, scope)) ?? told;
    const lists = changedSince(told, now).filter((list) => honoured.lists.includes(list));
    told = now;
    for (const list of lists) yield { kind: 'interim', text: listChangedText(list, idText) };
    await hearing.wait(Math.min(LOOK_MS, endsAt - clock.elapsed()), signal);
  }
  if (isGone()) return;
  yield { kind: 'final', text: listenResultText(idText), status: 200, outcome: 'ok', errorKind: null };
}

/** Only what was asked for, and of the upstream that it was asked of. */
function wantedOf(
  updates: readonly HeardUpdate[],
  filters: ReadonlyMap<ServerUpstream, ListenFilter>,
): ReadonlySet<string> {
  const wanted = updates.filter(({ upstream, uri }) =>
    [...filters].some(([{ name }, filter]) => name === upstream && filter.uris.includes(uri)),
  );
  return new Set(wanted.map(({ uri }) => uri));
}

/** A store that does not answer now is asked again with the next look. */
async function lookAtCounts(visit: Visit, { server }: ModernScope) {
  try {
    return await countsOf(visit, server);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    unexpectedFailure(visit, error);
    return undefined;
  }
}

/** What to listen for at which upstream. */
async function filtersOf(
  visit: Visit,
  scope: ModernScope,
  { lists, uris }: ListenFilter,
  telling: readonly TellingUpstream[],
  tally: UpstreamTally,
): Promise<ReadonlyMap<ServerUpstream, ListenFilter>> {
  const candidates = await candidatesOf(visit, scope, uris, tally);
  const filters = telling.map(({ upstream, capabilities }): [ServerUpstream, ListenFilter] => [
    upstream,
    {
      lists: lists.filter((list) => capabilities === undefined || tellsOf(capabilities, list)),
      uris: uris.filter(
        (uri) =>
          (capabilities === undefined || tellsOf(capabilities, 'updates')) &&
          candidates.get(uri)?.includes(upstream) === true,
      ),
    },
  ]);
  return new Map(filters.filter(([, filter]) => filter.lists.length > 0 || filter.uris.length > 0));
}

/** Changes of every list that there is, as the gateway compares them itself; updates of what some upstream agreed to. */
function honouredOf(
  { lists, uris }: ListenFilter,
  telling: readonly TellingUpstream[],
  hearing: Hearing,
): ListenFilter {
  const known = telling.map(({ capabilities = ASSUMED_SERVER_CAPABILITIES }) => capabilities);
  return {
    lists: lists.filter((list) => known.some((capabilities) => capabilities[list] !== undefined)),
    uris: uris.filter((uri) => hearing.accepts(uri)),
  };
}

/** A legacy upstream is listened to in a session of its own, which ends with the listening. */
function listenAt(
  visit: Visit,
  scope: ModernScope,
  hearing: Hearing,
  upstream: ServerUpstream,
  filter: ListenFilter,
): void {
  const client = sessionlessClient(visit, scope.envelope, undefined);
  hearing.listen({
    upstream,
    filter,
    preferred: 'modern',
    session: () => {
      const { keeper, close } = forSeveralCalls(visit, upstream, freshKeeper(client));
      return { keeper, subscribes: true, close };
    },
  });
}
