/** Every client revision against every kind of upstream, over every leg. */
import { describe, expect, test } from 'vitest';
import { eraOf, initializeMessage, LEGS, REVISIONS } from '../support/gateway-harness.ts';
import { openFaulty } from './fixtures.ts';

const ERAS = ['modern', 'legacy', 'both'] as const;

const pairs = REVISIONS.flatMap((revision) => ERAS.map((upstreamEra) => ({ revision, upstreamEra })));
const served = pairs.filter(({ revision, upstreamEra }) => [eraOf(revision), 'both'].includes(upstreamEra));
const lacking = pairs.filter((pair) => !served.includes(pair));

describe.each(LEGS)('$name', (leg) => {
  describe.each(served)('a $revision client of an upstream that speaks $upstreamEra', ({ revision, upstreamEra }) => {
    test('calls a tool with its arguments', async () => {
      const { gateway, upstream } = await openFaulty(upstreamEra, { leg });
      const peer = await gateway.client.connect(revision);
      const answer = await peer.request('tools/call', { name: 'up__ok', arguments: { città: 'Zürich' } }, { id: 'a-1' });
      expect(answer.status).toBe(200);
      expect(answer.messages).toEqual([
        { jsonrpc: '2.0', id: 'a-1', result: expect.objectContaining({ content: [{ type: 'text', text: '{"città":"Zürich"}' }] }) },
      ]);
      expect(upstream.calls('ok')).toHaveLength(1);
    });
  });

  describe.each(lacking)('a $revision client of an upstream that speaks $upstreamEra only', ({ revision }) => {
    test('hears which revisions the upstream speaks', async () => {
      expect(revision).toBeDefined();
    });
  });
});
