/** What is kept of a text that has to fit in one record: all of it, or nothing. */
import { compress, MAX_TEXT_BYTES } from './gzip.ts';

/** As many bytes as are kept the way they are. More are worth the work of compressing them. */
const MOST_PLAIN_BYTES = 4096;

/** The database takes 400 KB in a record, everything included. */
const MOST_PACKED_BYTES = 350_000;

export type KeptText =
  /** JSON of the text, which keeps even unpaired surrogates: UTF-8 has no place for them. */
  | { readonly kind: 'plain'; readonly json: string }
  /** The same, compressed. */
  | { readonly kind: 'packed'; readonly bytes: Uint8Array }
  /** The text is too long, even when it is compressed. */
  | { readonly kind: 'nothing' };

export async function toKeptText(text: string): Promise<KeptText> {
  const json = JSON.stringify(text);
  const plain = Buffer.from(json);
  if (plain.length <= MOST_PLAIN_BYTES) return { kind: 'plain', json };
  if (plain.length > MAX_TEXT_BYTES) return { kind: 'nothing' };
  const bytes = await compress(plain);
  return bytes.length > MOST_PACKED_BYTES ? { kind: 'nothing' } : { kind: 'packed', bytes };
}
