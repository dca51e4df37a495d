/** Ends as `work` does. Rejects when it has not ended after so many milliseconds, whatever becomes of it later. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const limit = setTimeout(() => reject(new Error(`It was not over after ${Math.round(ms)} ms`)), ms);
  return await Promise.race([work, promise]).finally(() => clearTimeout(limit));
}
