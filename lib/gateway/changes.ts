/** Changes of lists that somebody has heard of: counted in the table, whatever lists are kept. */
import type { ServerUpstream } from '../catalog/plan.ts';
import type { ListMember } from '../protocol/methods.ts';
import { upstreamKey } from '../upstream/eras.ts';
import type { Work } from './work.ts';

/** Whoever asks next, in whatever environment, asks the upstream. `onCounted` is called when others can know of it. */
export function noteChange(
  work: Work,
  upstream: ServerUpstream,
  members: readonly ListMember[],
  onCounted: () => void = () => {},
): void {
  // Every message of a stream comes by here, and hardly any announces a change.
  if (members.length === 0) return;
  const key = upstreamKey(upstream, work.ports.ids);
  for (const member of members) {
    work.changes.note(`${key} ${member}`, async () => {
      await work.stores.catalog.countChange(key, member);
      onCounted();
    });
  }
}
