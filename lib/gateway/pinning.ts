/**
 * Pinned upstreams: a tool is trusted as it was first seen. One that changes is hidden and refused until an operator
 * accepts it (`sluice tools accept`).
 */
import { itemsOf } from '../catalog/listing.ts';
import { judge, pinned, readDefinition, readPins, writePins } from '../catalog/pins.ts';
import type { Judgement, Pins, ToolDefinition } from '../catalog/pins.ts';
import type { Failure } from '../errors.ts';
import { StoreError } from '../ports/stores.ts';
import { askerOf } from './asker.ts';
import { LISTING_MS, listsOf, type Listed } from './catalogs.ts';
import type { Errand } from './errand.ts';
import type { Visit } from './visit.ts';
import type { Work } from './work.ts';

type Available = Extract<Listed, { kind: 'listed' }>;

/** Somebody else may pin at the same time; whoever loses looks again. */
const MAX_ATTEMPTS = 10;

/** The items of a list of tools, without those that are held back. */
export async function withoutHeldTools(visit: Visit, list: Available): Promise<readonly string[]> {
  const items = itemsOf(list.text);
  if (!list.upstream.config.pin) return items;
  const held = await heldTools(visit, list);
  if (held.size === 0) return items;
  return items.filter((item) => {
    const tool = readDefinition(item);
    return tool !== undefined && !held.has(tool.name);
  });
}

/** Why a call of a tool may not be made; undefined when it may. A tool that is not listed cannot be judged. */
export async function holdOf({
  visit,
  scope,
  call,
  upstream,
  targetName,
  tally,
}: Errand): Promise<Failure | undefined> {
  if (!upstream.config.pin || call.target?.what !== 'tool' || targetName === undefined) return undefined;
  const reader = { work: visit, asker: askerOf(visit, scope), patienceMs: LISTING_MS, tally, toleranceMs: 0 };
  const [list] = await listsOf(reader, [{ upstream, member: 'tools' }]);
  if (list === undefined || list.kind === 'unavailable') return list?.failure;
  const isListed = itemsOf(list.text).some((item) => readDefinition(item)?.name === targetName);
  if (!isListed) return { kind: 'unknown-name', what: 'tool', name: call.target.name };
  const held = await heldTools(visit, list);
  return held.has(targetName) ? { kind: 'tool-held', upstream: upstream.name, tool: call.target.name } : undefined;
}

/** Judges a list of tools by the pins, and pins what has none. */
async function heldTools(work: Work, { upstream, version, text, isNew }: Available): Promise<ReadonlySet<string>> {
  const { held } = await pinNewTools(work, upstream.name, version, definitionsIn(text));
  if (isNew) tellHeld(work, upstream.name, held);
  return held;
}

/**
 * Tells the operator which tools of a list that nobody has asked for are held back: who asks next finds the list kept, and
 * is told no more. Nothing is pinned, which is for those who ask.
 */
export async function tellHeldTools(work: Work, upstream: string, revision: string, text: string): Promise<void> {
  const { pins } = await readPinsOf(work, upstream);
  tellHeld(work, upstream, judge(pins, revision, definitionsIn(text)).held);
}

function tellHeld({ ports, invocation }: Work, upstream: string, held: ReadonlySet<string>): void {
  for (const tool of held) ports.actionLog.notice(invocation.requestId, { kind: 'tool-held', upstream, tool });
}

function definitionsIn(text: string): ToolDefinition[] {
  return itemsOf(text).flatMap((item) => readDefinition(item) ?? []);
}

async function pinNewTools(work: Work, upstream: string, revision: string, tools: readonly ToolDefinition[]) {
  let judgement: Judgement | undefined;
  const isPinned = await changePins(work, upstream, (pins) => {
    judgement = judge(pins, revision, tools);
    return judgement.unpinned.length === 0 ? pins : pinned(pins, revision, judgement.unpinned);
  });
  // What could not be pinned may not be trusted either.
  if (!isPinned || judgement === undefined) throw new StoreError('pins.write', 'others were always first', undefined);
  return judgement;
}

/** Without the pins nothing can be trusted, and nothing may be pinned in their place: rejects when they cannot be read. */
export async function readPinsOf({ stores }: Work, upstream: string) {
  const record = await stores.pins.read(upstream);
  const pins: Pins | undefined = record === undefined ? new Map() : readPins(record.text);
  if (pins === undefined) throw new StoreError('pins.read', 'the record cannot be read', undefined);
  return { pins, version: record?.version };
}

/** Puts what `change` makes of the pins in their place, if it is anything else; false when others were always first. */
export async function changePins(work: Work, upstream: string, change: (pins: Pins) => Pins): Promise<boolean> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const { pins, version } = await readPinsOf(work, upstream);
    const changed = change(pins);
    if (changed === pins) return true;
    const record = { version: work.ports.ids.random(), text: writePins(changed) };
    if (await work.stores.pins.write(upstream, record, version)) return true;
  }
  return false;
}
