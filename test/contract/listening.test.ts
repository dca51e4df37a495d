/** What every implementation must do with what client sessions are to be told. */
import { describe, expect, test } from 'vitest';

import { HOSTILE, RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { freshKey, subscription } from './samples.ts';

const END = 1_780_000_060_000;
const TOLD = { tools: 3, prompts: 0, resources: 12 };

describe.each(legs)('what sessions are told, in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const listening = () => environment().listening;

  test('a session that never listened has been told nothing', async () => {
    expect(await listening().read(freshKey())).toEqual({
      told: undefined,
      listener: undefined,
      subscriptions: [],
      updates: [],
      positions: {},
    });
  });

  test('what was told last is kept', async () => {
    const session = freshKey();
    await listening().tell(session, TOLD, END);
    await listening().tell(session, { ...TOLD, prompts: 1 }, END);
    expect((await listening().read(session)).told).toEqual({ ...TOLD, prompts: 1 });
  });

  test('subscriptions are kept in the order of their URIs, and beside what was told', async () => {
    const session = freshKey();
    const one = subscription({ uri: 'b://1', generation: 'g' });
    const other = subscription({ uri: 'a://1' });
    expect(await listening().subscribe(session, one, 5, END)).toBe(true);
    await listening().tell(session, TOLD, END);
    expect(await listening().subscribe(session, other, 5, END)).toBe(true);
    expect(await listening().read(session)).toEqual({
      told: TOLD,
      listener: undefined,
      subscriptions: [other, one],
      updates: [],
      positions: {},
    });
  });

  test('a subscription takes the place of one to the same resource', async () => {
    const session = freshKey();
    await listening().subscribe(session, subscription(), 1, END);
    const renewed = subscription({ upstream: 'others', generation: 'g' });
    expect(await listening().subscribe(session, renewed, 1, END)).toBe(true);
    expect((await listening().read(session)).subscriptions).toEqual([renewed]);
  });

  test('there are no more subscriptions than there may be', async () => {
    const session = freshKey();
    expect(await listening().subscribe(session, subscription({ uri: 'a' }), 2, END)).toBe(true);
    expect(await listening().subscribe(session, subscription({ uri: 'b' }), 2, END)).toBe(true);
    expect(await listening().subscribe(session, subscription({ uri: 'c' }), 2, END)).toBe(false);
    await listening().unsubscribe(session, 'a');
    expect(await listening().subscribe(session, subscription({ uri: 'c' }), 2, END)).toBe(true);
    expect((await listening().read(session)).subscriptions.map(({ uri }) => uri)).toEqual(['b', 'c']);
  });

  test('of many subscriptions at once as many stay as there may be, the very first ones included', async () => {
    for (let round = 0; round < 10; round += 1) {
      const session = freshKey();
      const kept = await race((stores, racer) =>
        stores.listening.subscribe(session, subscription({ uri: `note://${racer}` }), 7, END),
      );
      expect(kept.filter(Boolean)).toHaveLength(7);
      const { subscriptions } = await listening().read(session);
      expect(subscriptions.map(({ uri }) => uri).toSorted()).toEqual(
        kept.flatMap((stayed, racer) => (stayed ? [`note://${racer}`] : [])).toSorted(),
      );
    }
  });

  test('the first subscription is kept while another environment writes what was told for the first time', async () => {
    for (let round = 0; round < 20; round += 1) {
      const session = freshKey();
      const kept = await race((stores, racer) =>
        racer % 2 === 0
          ? stores.listening.tell(session, TOLD, END).then(() => true)
          : stores.listening.subscribe(session, subscription({ uri: `note://${racer}` }), RACERS, END),
      );
      expect(kept.every(Boolean)).toBe(true);
      expect((await listening().read(session)).subscriptions).toHaveLength(RACERS / 2);
    }
  });

  test('who was never subscribed can be unsubscribed', async () => {
    const session = freshKey();
    await listening().unsubscribe(session, 'note://1');
    await listening().tell(session, TOLD, END);
    await listening().unsubscribe(session, 'note://1');
    expect(await listening().read(session)).toEqual({
      told: TOLD,
      listener: undefined,
      subscriptions: [],
      updates: [],
      positions: {},
    });
  });

  test('whoever claimed last is the listener, and what was told and subscribed to stays', async () => {
    const session = freshKey();
    await listening().claim(session, 'l1', END);
    await listening().subscribe(session, subscription(), 5, END);
    await listening().tell(session, TOLD, END);
    expect((await listening().read(session)).listener).toBe('l1');
    await listening().claim(session, 'l2', END);
    expect(await listening().read(session)).toEqual({
      told: TOLD,
      listener: 'l2',
      subscriptions: [subscription()],
      updates: [],
      positions: {},
    });
  });

  test('of many claims at once one stays', async () => {
    const session = freshKey();
    await race((stores, racer) => stores.listening.claim(session, `l${racer}`, END));
    expect((await listening().read(session)).listener).toMatch(/^l\d+$/);
  });

  test('how far upstreams were heard is kept as a whole, beside everything else', async () => {
    const session = freshKey();
    await listening().reach(session, { one: { generation: 'g', eventId: 'e1' } }, END);
    await listening().subscribe(session, subscription(), 5, END);
    await listening().tell(session, TOLD, END);
    const positions = { two: { generation: 'g', eventId: 'e2' }, three: { generation: 'h', eventId: '~' } };
    await listening().reach(session, positions, END);
    expect(await listening().read(session)).toMatchObject({ told: TOLD, subscriptions: [subscription()], positions });
    expect(Object.keys((await listening().read(session)).positions)).toHaveLength(2);
  });

  test.each(HOSTILE)('how far an upstream named %j was heard is kept as well', async (word) => {
    const session = freshKey();
    const positions = Object.fromEntries([[word, { generation: word, eventId: 'e' }]]);
    await listening().reach(session, positions, END);
    expect((await listening().read(session)).positions).toEqual(positions);
  });

  test('a renewed subscription keeps its update, and says which upstream session knows of it', async () => {
    const session = freshKey();
    await listening().subscribe(session, subscription({ generation: 'old' }), 5, END);
    await listening().noteUpdate(session, 'notes', { uri: 'note://1', token: 't' });
    await listening().renew(session, subscription({ generation: 'new' }), 'old');
    expect(await listening().read(session)).toMatchObject({
      subscriptions: [subscription({ generation: 'new' })],
      updates: [{ uri: 'note://1', token: 't' }],
    });
  });

  test('a subscription without an upstream session can be given one, and lose it', async () => {
    const session = freshKey();
    await listening().subscribe(session, subscription(), 5, END);
    await listening().renew(session, subscription({ generation: 'new' }), null);
    expect((await listening().read(session)).subscriptions).toEqual([subscription({ generation: 'new' })]);
    await listening().renew(session, subscription(), 'new');
    expect((await listening().read(session)).subscriptions).toEqual([subscription()]);
  });

  test('a renewal brings nothing back, and changes nothing that was subscribed to anew', async () => {
    const session = freshKey();
    const renewed = subscription({ generation: 'new' });
    await listening().renew(session, renewed, 'old');
    await listening().subscribe(session, subscription({ generation: 'old' }), 5, END);
    await listening().unsubscribe(session, 'note://1');
    await listening().renew(session, renewed, 'old');
    expect((await listening().read(session)).subscriptions).toEqual([]);
    const anew = subscription({ generation: 'newest' });
    await listening().subscribe(session, anew, 5, END);
    await listening().renew(session, renewed, 'old');
    expect((await listening().read(session)).subscriptions).toEqual([anew]);
    const elsewhere = subscription({ upstream: 'others', generation: 'old' });
    await listening().subscribe(session, elsewhere, 5, END);
    await listening().renew(session, renewed, 'old');
    expect((await listening().read(session)).subscriptions).toEqual([elsewhere]);
  });

  test('a subscription that its upstream refuses ends, unless it was made anew', async () => {
    const session = freshKey();
    const refused = subscription({ generation: 'old' });
    await listening().withdraw(session, refused);
    for (const anew of [subscription({ generation: 'new' }), subscription({ upstream: 'others', generation: 'old' })]) {
      await listening().subscribe(session, anew, 5, END);
      await listening().withdraw(session, refused);
      expect((await listening().read(session)).subscriptions).toEqual([anew]);
    }
    await listening().subscribe(session, refused, 5, END);
    await listening().withdraw(session, refused);
    expect((await listening().read(session)).subscriptions).toEqual([]);
  });

  test('an update is kept once for each resource, until it has been told', async () => {
    const session = freshKey();
    await listening().subscribe(session, subscription(), 5, END);
    await listening().noteUpdate(session, 'notes', { uri: 'note://1', token: 't1' });
    await listening().noteUpdate(session, 'notes', { uri: 'note://1', token: 't2' });
    const { updates } = await listening().read(session);
    expect(updates).toEqual([{ uri: 'note://1', token: 't2' }]);
    await listening().clearUpdates(session, updates);
    expect(await listening().read(session)).toMatchObject({ subscriptions: [subscription()], updates: [] });
  });

  test('an update that came after the one that was told is still to be told', async () => {
    const session = freshKey();
    await listening().subscribe(session, subscription(), 5, END);
    await listening().noteUpdate(session, 'notes', { uri: 'note://1', token: 't1' });
    const { updates } = await listening().read(session);
    await listening().noteUpdate(session, 'notes', { uri: 'note://1', token: 't2' });
    await listening().clearUpdates(session, updates);
    expect((await listening().read(session)).updates).toEqual([{ uri: 'note://1', token: 't2' }]);
  });

  test('nothing is kept of what nobody subscribed to, or subscribed to at another upstream', async () => {
    const session = freshKey();
    await listening().noteUpdate(session, 'notes', { uri: 'note://1', token: 't' });
    expect(await listening().read(session)).toEqual({
      told: undefined,
      listener: undefined,
      subscriptions: [],
      updates: [],
      positions: {},
    });
    await listening().subscribe(session, subscription(), 5, END);
    await listening().noteUpdate(session, 'others', { uri: 'note://1', token: 't' });
    await listening().noteUpdate(session, 'notes', { uri: 'note://2', token: 't' });
    expect((await listening().read(session)).updates).toEqual([]);
  });

  test('an update of a subscription that has ended is forgotten with it', async () => {
    const session = freshKey();
    await listening().subscribe(session, subscription(), 5, END);
    await listening().noteUpdate(session, 'notes', { uri: 'note://1', token: 't' });
    const { updates } = await listening().read(session);
    await listening().unsubscribe(session, 'note://1');
    await listening().clearUpdates(session, updates);
    expect((await listening().read(session)).updates).toEqual([]);
  });

  test('updates from many environments at once leave one', async () => {
    const session = freshKey();
    await listening().subscribe(session, subscription(), 5, END);
    await race((stores, racer) =>
      stores.listening.noteUpdate(session, 'notes', { uri: 'note://1', token: `t${racer}` }),
    );
    const { updates } = await listening().read(session);
    expect(updates).toHaveLength(1);
    expect(updates[0]!.token).toMatch(/^t\d+$/);
  });

  test('a touch makes nothing, and changes nothing that is read', async () => {
    const session = freshKey();
    await listening().touch(session, END);
    expect((await listening().read(session)).told).toBeUndefined();
    await listening().tell(session, TOLD, END);
    await listening().touch(session, END + 1);
    expect((await listening().read(session)).told).toEqual(TOLD);
  });

  test.each(HOSTILE)('a resource and an upstream named %j are like any other', async (word) => {
    const session = freshKey();
    const one = subscription({ uri: word, upstream: word, generation: word });
    const other = subscription({ uri: `${word}#` });
    await listening().subscribe(session, one, 5, END);
    await listening().subscribe(session, other, 5, END);
    await listening().noteUpdate(session, word, { uri: word, token: 't' });
    expect((await listening().read(session)).updates).toEqual([{ uri: word, token: 't' }]);
    await listening().unsubscribe(session, word);
    expect(await listening().read(session)).toEqual({
      told: undefined,
      listener: undefined,
      subscriptions: [other],
      updates: [],
      positions: {},
    });
  });

  test('an unpaired surrogate in a URI survives', async () => {
    const session = freshKey();
    const one = subscription({ uri: 'x://\ud800' });
    await listening().subscribe(session, one, 5, END);
    expect((await listening().read(session)).subscriptions).toEqual([one]);
  });

  test('each operation is one request, and the first subscription four', async () => {
    const tally = { requests: 0 };
    const store = environment(tally).listening;
    const session = freshKey();
    const update = { uri: 'note://1', token: 't' };
    const operations: readonly (() => Promise<unknown>)[] = [
      () => store.read(session),
      () => store.subscribe(session, subscription(), 5, END),
      () => store.subscribe(session, subscription({ uri: 'note://2' }), 5, END),
      () => store.tell(session, TOLD, END),
      () => store.claim(session, 'l1', END),
      () => store.reach(session, {}, END),
      () => store.renew(session, subscription({ generation: 'g' }), null),
      () => store.noteUpdate(session, 'notes', update),
      () => store.clearUpdates(session, [update]),
      () => store.unsubscribe(session, 'note://1'),
      () => store.withdraw(session, subscription()),
      () => store.touch(session, END),
      () => store.read(session),
    ];
    const costs: number[] = [];
    for (const operation of operations) {
      const before = tally.requests;
      await operation();
      costs.push(tally.requests - before);
    }
    expect(costs).toEqual([1, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });
});

describe.each(legs)('changes of lists in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);

  test('are counted by list, and read for several upstreams at once', async () => {
    const { catalog } = environment();
    const [one, other] = [freshKey(), freshKey()];
    expect(await catalog.countChange(one, 'tools')).toBe(1);
    expect(await catalog.countChange(one, 'tools')).toBe(2);
    expect(await catalog.countChange(other, 'resourceTemplates')).toBe(1);
    expect(await catalog.countChange(other, 'introduction')).toBe(1);
    expect(await catalog.changesOf([other, freshKey(), one, other])).toEqual([
      { resourceTemplates: 1 },
      {},
      { tools: 2 },
      { resourceTemplates: 1 },
    ]);
    expect(await catalog.changesOf([])).toEqual([]);
  });

  test('that are counted at once have each a number of its own', async () => {
    const upstream = freshKey();
    const counts = await race((stores) => stores.catalog.countChange(upstream, 'tools'));
    expect(counts.toSorted((left, right) => left - right)).toEqual(Array.from({ length: RACERS }, (_, at) => at + 1));
  });

  test('of a hundred upstreams are read in one request', async () => {
    const tally = { requests: 0 };
    await environment(tally).catalog.changesOf(Array.from({ length: 100 }, freshKey));
    expect(tally.requests).toBe(1);
  });
});
