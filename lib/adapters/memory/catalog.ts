import type { CatalogHead, CatalogKey, CatalogStore, NewCatalogHead } from '../../ports/catalog.ts';
import { LIST_METHODS, type ListMember } from '../../protocol/methods.ts';
import { copyJson } from './copies.ts';
import { partsOf, type Request, requestsFor } from './request.ts';

const LIST_MEMBERS = Object.keys(LIST_METHODS) as ListMember[];

export interface CatalogState {
  /** By upstream, audience and member. */
  readonly lists: Map<string, KeptList>;
  /** By upstream and member. */
  readonly changes: Map<string, number>;
}

interface KeptList {
  readonly key: CatalogKey;
  readonly head: CatalogHead;
  readonly text: string;
  /** As far as the head can be renewed, milliseconds since the epoch. */
  readonly textExpiresAt: number;
}

/** How much longer than its first head the database keeps a text. */
const TEXT_OUTLIVES_HEAD_MS = 24 * 60 * 60 * 1000;

/** A text that has been replaced cannot be read any more, while the database keeps it for some time. */
export function catalogIn({ lists, changes }: CatalogState, request: Request): CatalogStore {
  return {
    heads: (keys) =>
      request(
        () =>
          keys.map((key) => {
            const head = lists.get(listKey(key))?.head;
            return { head: head && copyHead(head), changes: changes.get(changesKey(key.upstream, key.member)) ?? 0 };
          }),
        requestsFor(new Set(keys.flatMap((key) => [listKey(key), key.upstream])).size),
      ),

    texts: (wanted) =>
      request(
        () =>
          wanted.map(({ key, head }) => {
            const kept = lists.get(listKey(key));
            return kept?.head.version === head.version ? kept.text : undefined;
          }),
        requestsFor(wanted.reduce((parts, { head }) => parts + partsOf(head.bytes), 0)),
      ),

    write: (key, head, text, expiresAt) => {
      const bytes = Buffer.byteLength(text);
      return request(
        () => {
          const kept = lists.get(listKey(key));
          if (kept !== undefined && !advances(kept.head, head)) return kept.head.version === head.version;
          const textExpiresAt = expiresAt + TEXT_OUTLIVES_HEAD_MS;
          lists.set(listKey(key), { key: { ...key }, head: copyHead({ ...head, bytes }), text, textExpiresAt });
          return true;
        },
        partsOf(bytes) + 1,
      );
    },

    renew: (key, head, expiresAt) =>
      request(() => {
        const kept = lists.get(listKey(key));
        if (kept === undefined || kept.head.version !== head.version || kept.textExpiresAt < expiresAt) return false;
        if (advances(head, kept.head)) return false;
        lists.set(listKey(key), { ...kept, head: copyHead({ ...head, bytes: kept.head.bytes }) });
        return true;
      }),

    countChange: (upstream, member) =>
      request(() => {
        const counted = (changes.get(changesKey(upstream, member)) ?? 0) + 1;
        changes.set(changesKey(upstream, member), counted);
        return counted;
      }),

    changesOf: (upstreams) =>
      request(
        () =>
          upstreams.map((upstream) =>
            Object.fromEntries(
              LIST_MEMBERS.flatMap((member) => {
                const counted = changes.get(changesKey(upstream, member));
                return counted === undefined ? [] : [[member, counted]];
              }),
            ),
          ),
        requestsFor(new Set(upstreams).size),
      ),

    headsOf: (upstream) =>
      request(() =>
        [...lists.values()]
          .filter(({ key }) => key.upstream === upstream)
          .map(({ key, head }) => ({ key: { ...key }, head: copyHead(head) })),
      ),
  };
}

/** Whether `next` was asked for later than `kept`: it has seen more changes, or as many and was fetched later. */
function advances(kept: NewCatalogHead, next: NewCatalogHead): boolean {
  return kept.changes < next.changes || (kept.changes === next.changes && kept.fetchedAt < next.fetchedAt);
}

function listKey({ upstream, audience, member }: CatalogKey): string {
  return JSON.stringify([upstream, audience, member]);
}

function changesKey(upstream: string, member: CatalogKey['member']): string {
  return JSON.stringify([upstream, member]);
}

function copyHead(head: CatalogHead): CatalogHead {
  const { version, clientCapabilities } = head.asked;
  return { ...head, asked: { version, clientCapabilities: copyJson(clientCapabilities) } };
}
