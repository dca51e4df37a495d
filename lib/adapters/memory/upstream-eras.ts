import type { UpstreamEras, UpstreamEraStore } from '../../ports/upstream-eras.ts';
import type { Request } from './request.ts';

export function upstreamErasIn(eras: Map<string, UpstreamEras>, request: Request): UpstreamEraStore {
  return {
    read: (upstream) =>
      request(() => {
        const known = eras.get(upstream);
        return known && structuredClone(known);
      }),

    write: (upstream, learned) =>
      request(() => {
        const known = eras.get(upstream);
        if (known === undefined || known.learnedAt < learned.learnedAt) eras.set(upstream, structuredClone(learned));
      }),
  };
}
