/** Headers of the client's own request: what reaches an upstream, and what is kept apart because of it. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { FUNCTION_LEG, LEGS, REVISIONS } from '../support/gateway-harness.ts';
import { openFaulty, openScripted } from './fixtures.ts';

/** JSON as tests look into it. */
type AnyJson = any;

const TENANT = { forwardHeaders: ['X-Tenant'] };

/** What the client sends with its own headers. */
const of = (tenant: string) => ({ headers: { 'x-tenant': tenant, 'x-other': 'mine', authorization: 'Bearer mine' } });

describe.each(LEGS)('$name', (leg) => {
  test.each(REVISIONS)('those that are named reach the upstream, and no others (%s)', async (revision) => {
    const { gateway, upstream } = await openFaulty('both', { leg, upstream: TENANT });
    const peer = await gateway.client.connect(revision);
    const before = upstream.requests.length;
    await peer.request('tools/call', { name: 'up__ok' }, of('blue'));
    const calls = upstream.requests.slice(before);
    expect(calls.map(({ headers }) => headers['x-tenant'])).toEqual(calls.map(() => 'blue'));
    for (const { headers } of calls) {
      expect(headers).not.toHaveProperty('x-other');
      expect(headers).not.toHaveProperty('authorization');
    }
  });

  test('one that the client does not send is not sent', async () => {
    const { gateway, upstream } = await openFaulty('both', { leg, upstream: TENANT });
    const peer = await gateway.client.connect('2026-07-28');
    await peer.call('up__ok');
    for (const { headers } of upstream.requests) expect(headers).not.toHaveProperty('x-tenant');
  });

  test.each(['modern', 'legacy'])(
    'a list of a %s upstream is kept for one value only, even a public one',
    async (era) => {
      const { gateway, upstream } = await openScripted({ leg, upstream: { ...TENANT, era, isolation: 'shared' } });
      upstream.on('tools/list', ({ headers, answer }) =>
        answer({ tools: [{ name: String(headers['x-tenant']) }], ttlMs: 60_000, cacheScope: 'public' }),
      );
      const peer = await gateway.client.connect('2026-07-28');
      const namesFor = async (tenant: string): Promise<string[]> => {
        const { messages } = await peer.request('tools/list', {}, of(tenant));
        await gateway.settled();
        const { tools } = messages[0].result as { tools: { name: string }[] };
        return tools.map(({ name }) => name);
      };
      expect(await namesFor('blue')).toEqual(['up__blue']);
      expect(await namesFor('green')).toEqual(['up__green']);
      expect(await namesFor('blue')).toEqual(['up__blue']);
      expect(upstream.of('tools/list')).toHaveLength(2);
    },
  );

  test('a session that everyone shares is shared by those of one value', async () => {
    const { gateway, upstream } = await openScripted({
      leg,
      upstream: { ...TENANT, era: 'legacy', isolation: 'shared' },
    });
    upstream.onCall(({ answer }) => answer({ content: [] }));
    const peer = await gateway.client.connect('2026-07-28');
    for (const tenant of ['blue', 'green', 'blue']) await peer.request('tools/call', { name: 'up__any' }, of(tenant));
    const [blue, green, again] = upstream.of('tools/call').map(({ sessionId }) => sessionId);
    expect(again).toBe(blue);
    expect(green).not.toBe(blue);
  });

  test('a key stands for a call with the same values', async () => {
    const { gateway, upstream } = await openScripted({ leg, upstream: { ...TENANT, era: 'modern' } });
    upstream.onCall(({ answer }) => answer({ content: [] }));
    const peer = await gateway.client.connect('2026-07-28');
    const key = randomUUID();
    const pay = async (tenant: string): Promise<AnyJson> => {
      const headers = { 'x-tenant': tenant, 'idempotency-key': key };
      return (await peer.request('tools/call', { name: 'up__pay' }, { headers })).messages[0];
    };
    expect((await pay('blue')).result).toBeDefined();
    expect((await pay('green')).error).toMatchObject({ code: -32602 });
    expect((await pay('blue')).result._meta).toMatchObject({ 'io.sluice/replayed': true });
    expect(upstream.of('tools/call')).toHaveLength(1);
  });
});

test('a value that cannot be written into a header is refused, and nothing is called', async () => {
  const { gateway, upstream } = await openFaulty('both', { leg: FUNCTION_LEG, upstream: TENANT });
  const peer = await gateway.client.connect('2026-07-28');
  const before = upstream.requests.length;
  for (const value of ['\u2713', 'a\nb', 'a\u007fb']) {
    const { status, messages } = await peer.request('tools/call', { name: 'up__ok' }, of(value));
    expect(status).toBe(400);
    expect(messages).toMatchObject([
      { error: { code: -32600, message: 'The header x-tenant has characters that cannot be sent on' } },
    ]);
  }
  expect(upstream.requests).toHaveLength(before);
});
