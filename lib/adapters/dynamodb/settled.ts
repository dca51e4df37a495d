/** A record that refuses a write and is then gone, or free, leaves its place to be taken: tried this often. */
const TRIES = 5;

class NeverSettled extends Error {
  override readonly name = 'NeverSettled';
}

/** What the first attempt that comes to a result has come to; the others met a record that changed at that moment. */
export async function untilSettled<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new NeverSettled('A record refused a write and was another at once, again and again');
}
