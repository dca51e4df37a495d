/** What running a call does, as far as it is known: the operator's word, and the tool's own in the lists that are kept. */
import { itemsOf, textsOf } from '../catalog/listing.ts';
import { effectsBySayOf, effectsOfTool, HARMLESS, type Effects } from '../policies/repeat.ts';
import { isObject, parseJson, type Json } from '../protocol/message.ts';
import { askerOf } from './asker.ts';
import type { Errand } from './errand.ts';
import { shelvesFor } from './shelves.ts';

/** Never asks the upstream, and never rejects: what is not known is not safe. */
export async function effectsOf(errand: Errand): Promise<Effects> {
  const { visit, call, upstream, targetName } = errand;
  if (call.rule.target !== 'tool' || targetName === undefined) return HARMLESS;
  const operator = toolConfigOf(errand);
  const decided = effectsBySayOf(operator);
  if (decided !== undefined) return decided;
  try {
    return effectsOfTool(operator, await annotationsOf(errand, targetName));
  } catch (error) {
    visit.ports.actionLog.defect(visit.invocation.requestId, error);
    return effectsOfTool(operator, undefined);
  }

  /** Of a list as old as it may be, unless it is known to have changed. */
  async function annotationsOf({ scope }: Errand, tool: string): Promise<Json | undefined> {
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
}

/** What the operator says of the tool that is called; nothing for anything else. */
export function toolConfigOf({ call, upstream, targetName }: Pick<Errand, 'call' | 'upstream' | 'targetName'>) {
  const { tools } = upstream.config;
  const named = call.rule.target === 'tool' && targetName !== undefined && Object.hasOwn(tools, targetName);
  return (named ? tools[targetName] : undefined) ?? {};
}
