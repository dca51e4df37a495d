/** The lists of several upstreams as one: names behind prefixes, one owner for each name and URI. */
import { editObject } from '../protocol/json-text.ts';
import { isObject, parseJson } from '../protocol/message.ts';
import type { ListMember } from '../protocol/methods.ts';
import { isShown, toClientName } from '../protocol/names.ts';
import { upstreamOfName, type ServerUpstream, type VirtualServer } from './plan.ts';

/** What one upstream has to add. */
export interface Share {
  readonly upstream: ServerUpstream;
  /** JSON texts, in the upstream's order and words. */
  readonly items: readonly string[];
}

/** An item as clients see it. */
export interface ClientItem {
  /** What names it: of tools and prompts with the prefix. */
  readonly name: string;
  /** JSON text. */
  readonly text: string;
}

/** What one upstream has to add, as clients see it. */
export interface ClientShare {
  readonly upstream: ServerUpstream;
  /** In the upstream's order. */
  readonly items: readonly ClientItem[];
}

export interface MergedList {
  /** JSON texts: the upstreams in configured order, each with its items in its own order. */
  readonly items: readonly string[];
  readonly lost: readonly LostClaim[];
  /** Names that are longer than some clients take. */
  readonly tooLong: readonly { readonly upstream: string; readonly name: string }[];
}

/** An item that is left out, because another upstream comes first with its name or URI. */
export interface LostClaim {
  readonly upstream: string;
  readonly owner: string;
  readonly name: string;
}

/** Several clients and model providers take no longer names of tools, in characters. */
export const MAX_NAME_CHARS = 64;

/** What names an item of each list. */
const NAMED_BY: Readonly<Record<ListMember, string>> = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
};

export function mergeLists(member: ListMember, shares: readonly Share[], server: VirtualServer): MergedList {
  const seen = shares.map(({ upstream, items }) => ({ upstream, items: toClientItems(member, items, upstream) }));
  return mergeItems(member, seen, server);
}

export function mergeItems(member: ListMember, shares: readonly ClientShare[], server: VirtualServer): MergedList {
  const owners = new Map<string, string>();
  const items: string[] = [];
  const lost: LostClaim[] = [];
  const tooLong: { upstream: string; name: string }[] = [];
  for (const { upstream, items: own } of shares) {
    for (const { name, text } of own) {
      const owner = owners.get(name) ?? rightfulOwner(member, name, upstream, server);
      if (owner !== upstream.name || owners.has(name)) {
        if (owner !== upstream.name) lost.push({ upstream: upstream.name, owner, name });
        continue;
      }
      owners.set(name, upstream.name);
      items.push(text);
      if (isPrefixed(member) && name.length > MAX_NAME_CHARS) tooLong.push({ upstream: upstream.name, name });
    }
  }
  return { items, lost, tooLong };
}

function isPrefixed(member: ListMember): member is 'tools' | 'prompts' {
  return member === 'tools' || member === 'prompts';
}

/** A name without prefix that reads as if it had one belongs to whom it would be routed to. */
function rightfulOwner(member: ListMember, name: string, upstream: ServerUpstream, server: VirtualServer): string {
  return isPrefixed(member) ? (upstreamOfName(name, server)?.name ?? upstream.name) : upstream.name;
}

/** Without items that have no name, or that the view does not show. */
export function toClientItems(
  member: ListMember,
  items: readonly string[],
  upstream: Pick<ServerUpstream, 'view'>,
): readonly ClientItem[] {
  return items.flatMap((text) => toClientItem(member, text, upstream) ?? []);
}

function toClientItem(
  member: ListMember,
  text: string,
  { view }: Pick<ServerUpstream, 'view'>,
): ClientItem | undefined {
  const name = nameOf(member, text);
  if (name === undefined) return undefined;
  if (!isPrefixed(member)) return { name, text };
  const clientName = toClientName(view.prefix, name);
  if (member === 'tools' && !isShown(view.tools, clientName)) return undefined;
  return {
    name: clientName,
    text: view.prefix === '' ? text : editObject(text, { name: () => JSON.stringify(clientName) }),
  };
}

/** What names the item, as the upstream knows it. */
export function nameOf(member: ListMember, text: string): string | undefined {
  const item = parseJson(text);
  const name = isObject(item) ? item[NAMED_BY[member]] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** What is different in a list from what it was, by name. */
export interface ListChange {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export function compareLists(member: ListMember, before: readonly string[], after: readonly string[]): ListChange {
  const old = byName(member, before);
  const now = byName(member, after);
  return {
    added: [...now.keys()].filter((name) => !old.has(name)),
    changed: [...now].filter(([name, text]) => old.has(name) && old.get(name) !== text).map(([name]) => name),
    removed: [...old.keys()].filter((name) => !now.has(name)),
  };
}

function byName(member: ListMember, items: readonly string[]): Map<string, string> {
  return new Map(
    items.flatMap((text) => {
      const name = nameOf(member, text);
      return name === undefined ? [] : [[name, text] as const];
    }),
  );
}
