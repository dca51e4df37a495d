/** Rows of other gateways, also of those that cannot be measured. */
import { expect, test } from 'vitest';
import { measurePeers } from './measure.ts';
import type { Peer, PeerClient } from './peer.ts';
import { peerSection } from './section.ts';

const OPTIONS = { rounds: 2, turns: 2, turnMs: 0, warmUpMs: 0, repetitions: 1, calls: 3, settleMs: 0, limitMs: 10_000 };

/** One that answers at once, with all calls after so many failing where that is wanted. */
function samplePeer(name: string, failsAfter = Infinity): Peer & { readonly closed: () => number } {
  let calls = 0;
  let closed = 0;
  const client: PeerClient = {
    call: async () => {
      if ((calls += 1) > failsAfter) throw new Error('It has ended');
    },
    renew: async () => undefined,
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

test('a peer that does not start, or ends, is a row with its reason, without addresses, and the others are measured', async () => {
  const [good, ending] = [samplePeer('good'), samplePeer('ending', 25)];
  const measured = await measurePeers([good, absent, ending], OPTIONS);
  expect(measured.map(({ reason }) => reason)).toEqual([undefined, 'no such package at ... see ...', 'It has ended']);
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

test('a peer that ends keeps the rounds that it has completed, and says why there are no more', async () => {
  // Ten to warm up; then a round takes two turns of one caller, and two of ten.
  const measured = await measurePeers([samplePeer('good'), samplePeer('ending', 10 + 22 + 5)], OPTIONS);
  const { sheets } = peerSection(measured);
  const [latency, , setup] = sheets;
  expect(latency!.rows[1]).toHaveLength(9);
  expect(latency!.rows[1]!.at(-1)).toBe('20');
  expect(setup!.rows[1]).toEqual(['ending', 'Measured for 1 round, and then: It has ended (A sample.)']);
});

test('a peer that does not answer any more has ended, and so has one that does not close', async () => {
  const never = new Promise<never>(() => {});
  const silent = samplePeer('silent', Infinity);
  const hanging: Peer = {
    ...silent,
    start: async () => {
      const peer = await silent.start();
      const client: PeerClient = { call: async () => undefined, renew: () => never, close: () => never };
      return { ...peer, connect: async () => client };
    },
  };
  const [measured] = await measurePeers([hanging], { ...OPTIONS, limitMs: 20 });
  expect(measured!.reason).toBe('It was not over after 20 ms');
  expect(silent.closed()).toBe(1);
});

test('a client that fails to close keeps nothing else from being closed', async () => {
  const [failing, other] = [samplePeer('failing'), samplePeer('other')];
  const peer: Peer = {
    ...failing,
    start: async () => {
      const running = await failing.start();
      return {
        ...running,
        connect: async () => ({ ...(await running.connect()), close: () => Promise.reject(new Error('It is gone')) }),
      };
    },
  };
  const measured = await measurePeers([peer, other], OPTIONS);
  expect(measured.map(({ reason }) => reason)).toEqual([undefined, undefined]);
  expect([failing.closed(), other.closed()]).toEqual([1, 11]);
});
