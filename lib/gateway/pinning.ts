/**
 * Pinned upstreams: a tool is trusted as it was first seen. One that changes is hidden and refused until an operator
 * accepts it (`sluice tools accept`).
 */
import { itemsOf } from '../catalog/listing.ts';
import { judge, pinned, readDefinition, readPins, writePins, type Pins, type ToolDefinition } from '../catalog/pins.ts';
import type { Failure } from '../errors.ts';
import { StoreError, type PinStore } from '../ports.ts';
import { askerOf } from './asker.ts';
import { LISTING_MS, listsOf, type Listed } from './catalogs.ts';
import type { Errand } from './errand.ts';
import type { Visit } from './visit.ts';

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
async function heldTools(visit: Visit, { upstream, version, text, isNew }: Available): Promise<ReadonlySet<string>> {
  const tools = itemsOf(text).flatMap((item) => readDefinition(item) ?? []);
  const { held } = await pinNewTools(visit.stores.pins, visit.ports.ids.random, upstream.name, version, tools);
  if (isNew) {
    for (const tool of held) {
      visit.ports.actionLog.notice(visit.invocation.requestId, { kind: 'tool-held', upstream: upstream.name, tool });
    }
  }
  return held;
}

async function pinNewTools(
  store: PinStore,
  newVersion: () => string,
  upstream: string,
  revision: string,
  tools: readonly ToolDefinition[],
) {
  for (let attempt = 1; ; attempt += 1) {
    const record = await store.read(upstream);
    const pins: Pins | undefined = record === undefined ? new Map() : readPins(record.text);
    // Without the pins nothing can be trusted, and nothing may be pinned in their place.
    if (pins === undefined) throw new StoreError('pins.read', 'the record cannot be read', undefined);
    const judgement = judge(pins, revision, tools);
    if (judgement.unpinned.length === 0) return judgement;
    // What could not be pinned may not be trusted either.
    if (attempt > MAX_ATTEMPTS) throw new StoreError('pins.write', 'others were always first', undefined);
    const text = writePins(pinned(pins, revision, judgement.unpinned));
    if (await store.write(upstream, { version: newVersion(), text }, record?.version)) return judgement;
  }
}
