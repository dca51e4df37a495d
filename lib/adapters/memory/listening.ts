import type { HeardPositions, ListCounts, ListeningStore, Subscription } from '../../ports/listening.ts';
import type { Request } from './request.ts';

export interface KeptListening {
  readonly told: ListCounts | undefined;
  readonly listener: string | undefined;
  readonly positions: HeardPositions;
  /** By URI, in no order that counts; `updated` is the token of an update that the client has not been told. */
  readonly subscriptions: ReadonlyMap<string, Subscription & { readonly updated?: string }>;
}

const NOTHING: KeptListening = { told: undefined, listener: undefined, positions: {}, subscriptions: new Map() };

export function listeningIn(sessions: Map<string, KeptListening>, request: Request): ListeningStore {
  const subscribed = (session: string) => new Map(sessions.get(session)?.subscriptions);
  const keep = (session: string, changes: Partial<KeptListening>): void => {
    sessions.set(session, { ...(sessions.get(session) ?? NOTHING), ...changes });
  };
  return {
    read: (session) =>
      request(() => {
        const { told, listener, positions, subscriptions } = sessions.get(session) ?? NOTHING;
        const kept = [...subscriptions.values()].toSorted(byUri);
        return {
          told: told && { ...told },
          listener,
          subscriptions: kept.map(({ uri, upstream, generation }) => ({ uri, upstream, generation })),
          updates: kept.flatMap(({ uri, updated }) => (updated === undefined ? [] : [{ uri, token: updated }])),
          positions: structuredClone(positions),
        };
      }),

    claim: (session, listener) => request(() => keep(session, { listener })),

    tell: (session, told) => request(() => keep(session, { told: { ...told } })),

    reach: (session, positions) => request(() => keep(session, { positions: structuredClone(positions) })),

    subscribe: (session, { uri, upstream, generation }, most) => {
      // The database first finds that there is no record, looks again, and makes one.
      const requests = sessions.has(session) ? 1 : 4;
      return request(() => {
        const subscriptions = subscribed(session);
        if (!subscriptions.has(uri) && subscriptions.size >= most) return false;
        subscriptions.set(uri, { uri, upstream, generation });
        keep(session, { subscriptions });
        return true;
      }, requests);
    },

    unsubscribe: (session, uri) =>
      request(() => {
        const subscriptions = subscribed(session);
        if (subscriptions.delete(uri)) keep(session, { subscriptions });
      }),

    renew: (session, { uri, upstream, generation }, replaces) =>
      request(() => {
        const subscriptions = subscribed(session);
        const subscription = subscriptions.get(uri);
        if (subscription === undefined || !stands(subscription, upstream, replaces)) return;
        subscriptions.set(uri, { ...subscription, generation });
        keep(session, { subscriptions });
      }),

    withdraw: (session, { uri, upstream, generation }) =>
      request(() => {
        const subscriptions = subscribed(session);
        const subscription = subscriptions.get(uri);
        if (subscription === undefined || !stands(subscription, upstream, generation)) return;
        subscriptions.delete(uri);
        keep(session, { subscriptions });
      }),

    noteUpdate: (session, upstream, { uri, token }) =>
      request(() => {
        const subscriptions = subscribed(session);
        const subscription = subscriptions.get(uri);
        if (subscription?.upstream !== upstream) return;
        subscriptions.set(uri, { ...subscription, updated: token });
        keep(session, { subscriptions });
      }),

    clearUpdates: (session, updates) =>
      request(() => {
        const subscriptions = subscribed(session);
        for (const { uri, token } of updates) {
          const subscription = subscriptions.get(uri);
          if (subscription?.updated !== token) continue;
          const { updated: _told, ...rest } = subscription;
          subscriptions.set(uri, rest);
          keep(session, { subscriptions });
        }
      }, updates.length),

    touch: () => request(() => undefined),
  };
}

function stands(kept: Subscription, upstream: string, generation: string | null): boolean {
  return kept.upstream === upstream && (kept.generation === null || kept.generation === generation);
}

function byUri(one: Subscription, other: Subscription): number {
  return one.uri < other.uri ? -1 : 1;
}
