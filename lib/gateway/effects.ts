/** What running a call does, as far as it is known: the operator's word, and the tool's own in the lists that are kept. */
import type { ToolConfig } from '../config/schema.ts';
import { effectsBySayOf, effectsOfTool, HARMLESS, type Effects } from '../policies/repeat.ts';
import { inSpan } from '../ports/tracer.ts';
import type { Errand } from './errand.ts';

/** Never asks the upstream, and never rejects: what is not known is not safe. */
export async function effectsOf(errand: Errand): Promise<Effects> {
  const { visit, call, targetName, tally } = errand;
  if (call.rule.target !== 'tool' || targetName === undefined) return HARMLESS;
  const operator = toolConfigOf(errand);
  const decided = effectsBySayOf(operator);
  if (decided !== undefined) return decided;
  try {
    const { annotationsOf } = await import('./annotations.ts');
    const annotations = await inSpan(tally.span, 'catalog', () => annotationsOf(errand, targetName));
    return effectsOfTool(operator, annotations);
  } catch (error) {
    visit.ports.actionLog.defect(visit.invocation.requestId, error);
    return effectsOfTool(operator, undefined);
  }
}

export const NOTHING_SAID: ToolConfig = {};

/** What the operator says of the tool that is called; nothing for anything else. */
export function toolConfigOf({
  call,
  upstream,
  targetName,
}: Pick<Errand, 'call' | 'upstream' | 'targetName'>): ToolConfig {
  const { tools } = upstream.config;
  const named = call.rule.target === 'tool' && targetName !== undefined && Object.hasOwn(tools, targetName);
  return (named ? tools[targetName] : undefined) ?? NOTHING_SAID;
}
