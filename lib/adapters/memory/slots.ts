import type { SlotStore } from '../../ports/slots.ts';
import type { Request } from './request.ts';

/** By their tokens, when the leases on one upstream end. */
export type Leases = Map<string, number>;

export function slotsIn(slots: Map<string, Leases>, request: Request): SlotStore {
  return {
    claim: (upstream, token, most, until, now) => {
      const leases = slots.get(upstream);
      const hasRoom = leases !== undefined && (leases.has(token) || leases.size < most);
      return request(
        () => {
          // As in the database, what has expired is removed only when there is no room otherwise.
          const kept = leases === undefined || hasRoom ? (leases ?? new Map<string, number>()) : running(leases, now);
          if (!kept.has(token) && kept.size >= most) return { kind: 'full', freeAt: freeAt(kept, most, now) };
          slots.set(upstream, kept.set(token, until));
          return { kind: 'claimed' };
        },
        // The first claim on an upstream, and one that removes what has expired, are refused once.
        hasRoom ? 1 : 2,
      );
    },

    release: (upstream, token) =>
      request(() => {
        slots.get(upstream)?.delete(token);
      }),
  };
}

function running(leases: Leases, now: number): Leases {
  return new Map([...leases].filter(([, until]) => until > now));
}

/** When so many of the leases have ended that there is room for one more. */
function freeAt(leases: Leases, most: number, now: number): number {
  const ends = [...leases.values()].toSorted((one, other) => one - other);
  return ends[Math.max(0, ends.length - most)] ?? now;
}
