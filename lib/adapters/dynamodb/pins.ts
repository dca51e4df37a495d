import type { PinRecord, PinStore } from '../../ports/pins.ts';
import { GarbledRecord, type Item, numberValue, readBytes, readNumber, readText, textValue } from './item.ts';
import { partKeys, putParts, removeParts, textOf } from './parts.ts';
import { type Expression, type Records, storeOperation } from './records.ts';
import { CONDITIONS } from './conditions.ts';
import { pinsKey, pinsPartition } from './table.ts';
import { packText } from './text-parts.ts';

/**
 * Nothing here expires. The first part of the text is in the record itself, so that all but the longest are read and
 * replaced in one request; of longer ones, the other parts are removed once nobody can find them any more.
 */
export function createPinStore(records: Records): PinStore {
  return {
    read: (upstream) => storeOperation('pins.read', () => read(records, upstream)),

    write: (upstream, { version, text }, replaces) =>
      storeOperation('pins.write', async () => {
        const replaced = replaces === undefined ? undefined : await records.get(pinsKey(upstream), 'consistent');
        if (replaces !== undefined && versionOf(replaced) !== replaces) return versionOf(replaced) === version;
        const { bytes, parts } = await packText(text);
        const [first, ...others] = parts;
        const otherKeys = otherPartKeys(upstream, { version, bytes });
        await putParts(records, otherKeys, others);
        const item = {
          ...pinsKey(upstream),
          version: textValue(version),
          bytes: numberValue(bytes),
          data: { B: first! },
        };
        const written = await records.put(item, unchanged(replaces));
        // What refuses the record may be this very record, sent twice by the SDK.
        const inPlace = written.kind === 'written' || versionOf(await written.found()) === version;
        await removeParts(records, inPlace ? otherPartsOf(upstream, replaced) : otherKeys);
        return inPlace;
      }),
  };
}

/** A text that is replaced while its parts are read is read anew; nobody replaces it this often meanwhile. */
const TRIES = 5;

async function read(records: Records, upstream: string): Promise<PinRecord | undefined> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const item = await records.get(pinsKey(upstream), 'consistent');
    if (item === undefined) return undefined;
    const others = await records.batchGet(otherPartsOf(upstream, item));
    const text = await textOf([{ data: { B: readBytes(item, 'data') } }, ...others], readNumber(item, 'bytes'));
    if (text !== undefined) return { version: readText(item, 'version'), text };
  }
  throw new GarbledRecord('data');
}

function unchanged(replaces: string | undefined): Expression {
  if (replaces === undefined) return { text: CONDITIONS.nothingPinned };
  return { text: CONDITIONS.pinsUnchanged, values: { ':replaces': textValue(replaces) } };
}

function versionOf(item: Item | undefined): string | undefined {
  return item && readText(item, 'version');
}

function otherPartsOf(upstream: string, item: Item | undefined) {
  if (item === undefined) return [];
  return otherPartKeys(upstream, { version: readText(item, 'version'), bytes: readNumber(item, 'bytes') });
}

function otherPartKeys(upstream: string, text: { readonly version: string; readonly bytes: number }) {
  return partKeys(pinsPartition(upstream), text).slice(1);
}
