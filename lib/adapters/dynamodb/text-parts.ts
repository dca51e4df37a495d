/** Texts of any length: compressed, and cut into parts that each fit in a record. */
import { compress, decompress, MAX_TEXT_BYTES } from '../gzip.ts';
import { GarbledRecord } from './item.ts';

/** A part, in bytes. DynamoDB takes 400 KB in a record, keys included. */
const PART_BYTES = 300_000;

class TextTooLong extends Error {
  override readonly name = 'TextTooLong';

  constructor(bytes: number) {
    super(`${bytes} bytes are more than the ${MAX_TEXT_BYTES} that a text may have`);
  }
}

/** A text as it is kept; `bytes` is the size of all parts together. */
export interface PackedText {
  readonly bytes: number;
  readonly parts: readonly Uint8Array[];
}

export async function packText(text: string): Promise<PackedText> {
  const plain = Buffer.from(text);
  const packed = plain.length > MAX_TEXT_BYTES ? plain : await compress(plain);
  if (packed.length > MAX_TEXT_BYTES) throw new TextTooLong(packed.length);
  const count = partCount(packed.length);
  const parts = Array.from({ length: count }, (_, part) => packed.subarray(part * PART_BYTES, (part + 1) * PART_BYTES));
  return { bytes: packed.length, parts };
}

/** How many parts a text of this size is kept in; at least one. */
export function partCount(bytes: number): number {
  return Math.ceil(bytes / PART_BYTES);
}

/** Whether a text can have this size as it is kept. */
export function isPackedSize(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes > 0 && bytes <= MAX_TEXT_BYTES;
}

/** The text of its parts, of which there are as many as `bytes` asks for. Throws `GarbledRecord` when they hold none. */
export async function unpackText(parts: readonly Uint8Array[], bytes: number): Promise<string> {
  const packed = Buffer.concat(parts);
  if (packed.length !== bytes) throw new GarbledRecord('data');
  try {
    return (await decompress(packed)).toString();
  } catch {
    throw new GarbledRecord('data');
  }
}
