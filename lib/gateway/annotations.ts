/** What a tool says of itself in the lists that are kept; its upstream is not asked. */
import { itemsOf, textsOf } from '../catalog/listing.ts';
import { isObject, parseJson, type Json } from '../protocol/message.ts';
import { askerOf } from './asker.ts';
import type { Errand } from './errand.ts';
import { shelvesFor } from './shelves.ts';

/** Of a list as old as it may be, unless it is known to have changed; undefined when there is none. */
export async function annotationsOf({ visit, scope, upstream }: Errand, tool: string): Promise<Json | undefined> {
  const { catalog } = visit.stores;
  const shelves = shelvesFor(visit, askerOf(visit, scope), { upstream, member: 'tools' });
  const states = await catalog.heads(shelves.map(({ key }) => key));
  const kept = states.flatMap(({ head, changes }, index) =>
    head === undefined || head.changes < changes ? [] : [{ key: shelves[index]!.key, head }],
  );
  const texts = await textsOf(kept, catalog, visit.shared.catalogCache);
  for (const text of texts) {
    const tools = text === undefined ? [] : itemsOf(text).map((item) => parseJson(item));
    const found = tools.find((item) => isObject(item) && item['name'] === tool);
    if (isObject(found)) return found['annotations'];
  }
  return undefined;
}
