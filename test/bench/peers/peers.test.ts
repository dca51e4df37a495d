/** Rows of other gateways, also of those that cannot be measured. */
import { expect, test } from 'vitest';
import { measurePeers, type MeasuredPeer } from './measure.ts';
import type { Peer, PeerClient } from './peer.ts';
import { peerSection } from './section.ts';

const OPTIONS = { rounds: 2, turns: 2, turnMs: 0, warmUpMs: 0, repetitions: 1, calls: 3, settleMs: 0 };

/** One that answers at once, with the third call and those after it failing where that is wanted. */
function samplePeer(name: string, failsAfter = Infinity): Peer & { readonly closed: () => number } {
  let calls = 0;
  let closed = 0;
  const client: PeerClient = {
    call: async () => {
      if ((calls += 1) > failsAfter) throw new Error('It has ended');
    },
    close: async () => void (closed += 1),
  };
  return {
    name,
    upstream: 'Streamable HTTP',
    setup: 'A sample.',
    closed: () => closed,
    start: async () => ({
      startMs: 12,
      connect: async () => client,
      memoryBytes: async () => 3 * 2 ** 20,
      upstreamCounts: async () => ({ 'tools/call': calls * 2 }),
      close: async () => void (closed += 1),
    }),
  };
}

const absent: Peer = {
  name: 'absent',
  upstream: 'stdio',
  setup: 'Not there.',
  start: () => Promise.reject(new Error('no such package at https://example.com/x, see /tmp/here/it/is')),
};

function reasonOf({ result }: MeasuredPeer): string | undefined {
  return 'reason' in result ? result.reason : undefined;
}

test('a peer that does not start, or ends, is a row with its reason, without addresses, and the others are measured', async () => {
  const [good, ending] = [samplePeer('good'), samplePeer('ending', 25)];
  const measured = await measurePeers([good, absent, ending], OPTIONS);
  expect(measured.map(reasonOf)).toEqual([undefined, 'no such package at ... see ...', 'It has ended']);
  const { sheets } = peerSection(measured);
  const rows = sheets.flatMap((sheet) => sheet.rows);
  expect(rows).toContainEqual(['absent', 'not measured']);
  expect(rows).toContainEqual(['absent', 'Not measured: no such package at ... see ... (Not there.)']);
  expect(rows).toContainEqual(['ending', 'not measured']);
});

test('each peer is closed with its ten clients, whatever became of it', async () => {
  const [good, ending] = [samplePeer('good'), samplePeer('ending', 25)];
  await measurePeers([good, ending], OPTIONS);
  expect([good.closed(), ending.closed()]).toEqual([11, 11]);
});

test('messages upstream are counted for each call, and memory is told in MB', async () => {
  const { sheets } = peerSection(await measurePeers([samplePeer('good')], OPTIONS));
  const [name, , , messages, , start, memory] = sheets[1]!.rows[0]!;
  expect([name, messages, start, memory]).toEqual(['good', '2', '12.0', '3']);
});
