import type {
  HeardPosition,
  HeardPositions,
  ListCounts,
  Listening,
  ListeningStore,
  ResourceUpdate,
  Subscription,
} from '../../ports/listening.ts';
import { ANNOUNCED_LISTS } from '../../protocol/methods.ts';
import { atMost } from './at-most.ts';
import {
  GarbledRecord,
  type Item,
  jsonValue,
  numberValue,
  readJson,
  readJsonObject,
  readMap,
  readText,
  textValue,
} from './item.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { CONDITIONS } from './conditions.ts';
import { expiryAttributes, listeningKey, subscriptionEntry } from './table.ts';

/** What refuses a subscription may be made, or have room, by the time it is looked at: tried this often. */
const TRIES = 5;

class NeverRoom extends Error {
  override readonly name = 'NeverRoom';
}

const NOTHING: Listening = { told: undefined, listener: undefined, subscriptions: [], updates: [], positions: {} };

/** How many updates are cleared at a time: each is a request of its own, and there is seldom more than one. */
const CLEARED_AT_ONCE = 4;

/**
 * One record for each client session that listens or has subscribed to something. An update that the client has not been
 * told is in the entry of its subscription, so that there is one for each resource at most, and none without.
 */
export function createListeningStore(records: Records): ListeningStore {
  return {
    read: (session) =>
      storeOperation('listening.read', async () => {
        const item = await records.get(listeningKey(session), 'consistent');
        return item === undefined ? NOTHING : decodeListening(item);
      }),

    claim: (session, listener, expiresAt) =>
      storeOperation('listening.claim', async () => {
        await records.update(listeningKey(session), {
          text: `${MAKE}, #listener = :listener`,
          values: { ...makingValues(expiresAt), ':listener': textValue(listener) },
        });
      }),

    tell: (session, told, expiresAt) =>
      storeOperation('listening.tell', async () => {
        const { tools, prompts, resources } = told;
        await records.update(listeningKey(session), {
          text: `${MAKE}, #told = :told`,
          values: { ...makingValues(expiresAt), ':told': jsonValue({ tools, prompts, resources }) },
        });
      }),

    reach: (session, positions, expiresAt) =>
      storeOperation('listening.reach', async () => {
        const kept = Object.entries(positions).map(([upstream, at]) => [upstream, at.generation, at.eventId]);
        await records.update(listeningKey(session), {
          text: `${MAKE}, #positions = :positions`,
          values: { ...makingValues(expiresAt), ':positions': jsonValue(kept) },
        });
      }),

    subscribe: (session, subscription, most, expiresAt) =>
      storeOperation('listening.subscribe', async () => {
        for (let tries = 0; tries < TRIES; tries += 1) {
          const written = await subscribe(records, session, subscription, most, expiresAt);
          if (written.kind === 'written') return true;
          const inPlace = await written.found();
          if (inPlace === undefined) {
            await records.update(listeningKey(session), { text: MAKE, values: makingValues(expiresAt) });
          } else if (Object.keys(readMap(inPlace, 'subscriptions')).length >= most) {
            return false;
          }
        }
        throw new NeverRoom('A record refused a subscription and had room for it, again and again');
      }),

    unsubscribe: (session, uri) =>
      storeOperation('listening.unsubscribe', async () => {
        const update = { text: 'REMOVE #subscriptions.#uri', names: { '#uri': subscriptionEntry(uri) } };
        await records.update(listeningKey(session), update, { text: CONDITIONS.hasSubscriptions });
      }),

    renew: (session, { uri, upstream, generation }, replaces) =>
      storeOperation('listening.renew', async () => {
        const update: Expression = {
          text:
            generation === null
              ? 'REMOVE #subscriptions.#uri.#generation'
              : 'SET #subscriptions.#uri.#generation = :generation',
          names: { '#uri': subscriptionEntry(uri) },
          values: generation === null ? {} : { ':generation': textValue(generation) },
        };
        await records.update(listeningKey(session), update, standing(upstream, replaces));
      }),

    withdraw: (session, { uri, upstream, generation }) =>
      storeOperation('listening.withdraw', async () => {
        const update = { text: 'REMOVE #subscriptions.#uri', names: { '#uri': subscriptionEntry(uri) } };
        await records.update(listeningKey(session), update, standing(upstream, generation));
      }),

    noteUpdate: (session, upstream, { uri, token }) =>
      storeOperation('listening.noteUpdate', async () => {
        const update: Expression = {
          text: 'SET #subscriptions.#uri.#updated = :token',
          names: { '#uri': subscriptionEntry(uri) },
          values: { ':token': textValue(token) },
        };
        const condition = { text: CONDITIONS.isSubscribed, values: { ':upstream': textValue(upstream) } };
        await records.update(listeningKey(session), update, condition);
      }),

    clearUpdates: (session, updates) =>
      storeOperation('listening.clearUpdates', async () => {
        await atMost(CLEARED_AT_ONCE, updates, (update) => clearUpdate(records, session, update));
      }),

    touch: (session, expiresAt) =>
      storeOperation('listening.touch', async () => {
        const update = { text: 'SET #expiresAt = :expiresAt, #ttl = :ttl', values: expiryValues(expiresAt) };
        await records.update(listeningKey(session), update, { text: CONDITIONS.sessionExists });
      }),
  };
}

/** Makes the record if there is none; an entry can only be set in a map that is there. */
const MAKE = 'SET #subscriptions = if_not_exists(#subscriptions, :none), #expiresAt = :expiresAt, #ttl = :ttl';

function makingValues(expiresAt: number): Item {
  return { ':none': { M: {} }, ...expiryValues(expiresAt) };
}

function expiryValues(expiresAt: number): Item {
  const expiry = expiryAttributes(expiresAt);
  return { ':expiresAt': expiry.expiresAt, ':ttl': expiry.ttl };
}

function subscribe(
  records: Records,
  session: string,
  { uri, upstream, generation }: Subscription,
  most: number,
  expiresAt: number,
) {
  const entry: Item = {
    uri: jsonValue(uri),
    upstream: textValue(upstream),
    ...(generation !== null && { generation: textValue(generation) }),
  };
  const update: Expression = {
    text: 'SET #subscriptions.#uri = :subscription, #expiresAt = :expiresAt, #ttl = :ttl',
    names: { '#uri': subscriptionEntry(uri) },
    values: { ':subscription': { M: entry }, ...expiryValues(expiresAt) },
  };
  const condition = { text: CONDITIONS.subscriptionFits, values: { ':most': numberValue(most) } };
  return records.update(listeningKey(session), update, condition);
}

function clearUpdate(records: Records, session: string, { uri, token }: ResourceUpdate) {
  const update = { text: 'REMOVE #subscriptions.#uri.#updated', names: { '#uri': subscriptionEntry(uri) } };
  const condition = { text: CONDITIONS.updateIsTold, values: { ':token': textValue(token) } };
  return records.update(listeningKey(session), update, condition);
}

function standing(upstream: string, generation: string | null): Expression {
  const values = { ':upstream': textValue(upstream), ':replaces': textValue(generation ?? '') };
  return { text: CONDITIONS.subscriptionStands, values };
}

function decodeListening(item: Item): Listening {
  const kept = Object.values(readMap(item, 'subscriptions')).map(({ M: entry }) => {
    if (entry === undefined) throw new GarbledRecord('subscriptions');
    const uri = readJson(entry, 'uri');
    if (typeof uri !== 'string') throw new GarbledRecord('uri');
    return { uri, entry };
  });
  kept.sort((one, other) => (one.uri < other.uri ? -1 : 1));
  return {
    told: item['told'] === undefined ? undefined : decodeCounts(item),
    listener: item['listener'] === undefined ? undefined : readText(item, 'listener'),
    subscriptions: kept.map(({ uri, entry }) => ({
      uri,
      upstream: readText(entry, 'upstream'),
      generation: entry['generation'] === undefined ? null : readText(entry, 'generation'),
    })),
    updates: kept.flatMap(({ uri, entry }) =>
      entry['updated'] === undefined ? [] : [{ uri, token: readText(entry, 'updated') }],
    ),
    positions: item['positions'] === undefined ? {} : decodePositions(item),
  };
}

function decodeCounts(item: Item): ListCounts {
  const told = readJsonObject(item, 'told');
  const counts = ANNOUNCED_LISTS.map((list) => {
    const count = told[list];
    if (typeof count !== 'number') throw new GarbledRecord('told');
    return [list, count] as const;
  });
  return Object.fromEntries(counts) as ListCounts;
}

/** A list, so that every name of an upstream is an ordinary one. */
function decodePositions(item: Item): HeardPositions {
  const kept = readJson(item, 'positions');
  if (!Array.isArray(kept)) throw new GarbledRecord('positions');
  return Object.fromEntries(kept.map(decodePosition));
}

function decodePosition(kept: unknown): readonly [string, HeardPosition] {
  const [upstream, generation, eventId] = Array.isArray(kept) ? (kept as readonly unknown[]) : [];
  if (typeof upstream !== 'string' || typeof generation !== 'string' || typeof eventId !== 'string') {
    throw new GarbledRecord('positions');
  }
  return [upstream, { generation, eventId }];
}
