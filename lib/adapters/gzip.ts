/** Texts as bytes: in gzip, and never longer than what memory is meant to hold. */

/** The longest text, in bytes of UTF-8: a record that says that it holds more is not believed. */
export const MAX_TEXT_BYTES = 64 * 1024 * 1024;

export function compress(plain: Buffer): Promise<Buffer> {
  const { gzip } = process.getBuiltinModule('node:zlib');
  return new Promise((resolve, reject) => {
    gzip(plain, (error, packed) => (error ? reject(error) : resolve(packed)));
  });
}

/** Rejects for bytes that are not in gzip, and for more than `MAX_TEXT_BYTES` of text. */
export function decompress(packed: Uint8Array): Promise<Buffer> {
  const { gunzip } = process.getBuiltinModule('node:zlib');
  return new Promise((resolve, reject) => {
    gunzip(packed, { maxOutputLength: MAX_TEXT_BYTES }, (error, plain) => (error ? reject(error) : resolve(plain)));
  });
}
