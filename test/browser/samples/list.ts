/** The list of actions, its filters, and holding it still. */
import assert from 'node:assert/strict';
import type { ActionLine } from '../../../lib/local/console/feed.ts';
import type { Journey } from '../journey.ts';
import { sampleAction } from './feed.ts';
import { COUNT, journey, NOTHING } from './stage.ts';

export const listJourneys: readonly Journey[] = [
  journey('shows the actions of the snapshot, the newest first', async ({ rows, counted, page, screenshot }) => {
    await counted(`${COUNT} actions`);
    assert.equal(await rows.count(), COUNT);
    const times = await rows.locator('.time').allInnerTexts();
    assert.deepEqual(times, times.toSorted().toReversed());
    await page.getByText('live', { exact: true }).waitFor();
    await screenshot('list');
  }),

  journey(
    'says so when there is nothing yet',
    async ({ page, panel, screenshot }) => {
      await page.getByText('No actions yet.').waitFor();
      await page.getByText('No action selected').waitFor();
      await screenshot('nothing-yet');
      await (await panel('Catalog')).getByText('No list is kept yet').waitFor();
      await (await panel('Sessions')).getByText('No client has a session').waitFor();
    },
    {},
    NOTHING,
  ),

  journey('shows an action as it ends, and keeps the focus where it is', async ({ rows, server, page, counted }) => {
    await rows.nth(2).click();
    const focused = () => page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset['key']);
    const key = await focused();
    assert.ok(key);
    server.send('action', { ...sampleAction(COUNT, Date.now()), tool: 'brand_new' });
    await counted(`${COUNT + 1} actions`);
    assert.match(await rows.first().innerText(), /brand_new/);
    assert.equal(await focused(), key);
    assert.equal(await rows.nth(3).getAttribute('aria-selected'), 'true');
  }),

  journey('leaves what is read where it is while more comes', async ({ page, rows, server, counted }) => {
    const read = rows.nth(25);
    await read.click();
    const placeOf = async () => [
      (await page.locator('#actions tbody tr[aria-selected="true"]').boundingBox())?.y,
      await page.locator('.detail').boundingBox(),
      await page.locator('aside').boundingBox(),
    ];
    const before = await placeOf();
    for (let index = 0; index < 5; index += 1) server.send('action', sampleAction(COUNT + index, Date.now()));
    await counted(`${COUNT + 5} actions`);
    assert.deepEqual(await placeOf(), before);
  }),

  journey('filters by tool, outcome, upstream and session, and keeps that over a reload', async (stage) => {
    const { page, rows, filter, counted, snapshot, screenshot } = stage;
    const count = (test: (line: ActionLine) => boolean) => snapshot.actions.filter(test).length;
    const of = (some: number) => `${some} of ${COUNT} actions`;
    await filter('Tool or method').selectOption({ label: 'unstable' });
    await counted(of(count(({ tool }) => tool === 'unstable')));
    await filter('Outcome').selectOption({ label: 'refused' });
    const both = count(({ tool, outcome }) => tool === 'unstable' && outcome === 'refused');
    await counted(of(both));
    await page.reload();
    await counted(of(both));
    assert.equal(new URL(page.url()).hash, '#tool=unstable&outcome=refused');
    assert.ok((await rows.allInnerTexts()).every((row) => /unstable[^]*refused/.test(row)));
    await screenshot('filtered');
    await page.getByRole('button', { name: 'Clear' }).click();
    await counted(`${COUNT} actions`);
    await filter('Outcome').selectOption({ label: 'anything but ok' });
    await counted(of(count(({ outcome }) => outcome !== 'ok')));
    await filter('Upstream').selectOption({ label: 'billing' });
    await counted(of(count(({ upstream }) => upstream === 'billing')));
    await page.getByRole('button', { name: 'Clear' }).click();
    await filter('Session').selectOption({ label: '9b1dc0f2a4e7' });
    await counted(of(count(({ session }) => session !== null)));
    await page.getByRole('button', { name: 'Clear' }).click();
    await filter('Tool or method').selectOption({ label: 'tools/list' });
    await counted(of(count(({ method }) => method === 'tools/list')));
  }),

  journey('shows the medians of what is shown', async ({ page, filter, counted }) => {
    await filter('Tool or method').selectOption({ label: 'slow' });
    await counted(`3 of ${COUNT} actions`);
    const figures = page.getByLabel('Medians of the actions shown');
    assert.match(await figures.innerText(), /gateway p50\s+4\.40 ms\s+upstream p50\s+61\.5 ms/);
  }),

  journey('holds the list still and says how many have come since', async ({ page, rows, server, counted }) => {
    await page.getByRole('button', { name: 'Hold the list still' }).click();
    const before = await rows.allInnerTexts();
    for (const index of [1, 2, 3]) server.send('action', sampleAction(COUNT + index, Date.now()));
    await page.getByRole('button', { name: 'Held, 3 new' }).waitFor();
    assert.deepEqual(await rows.allInnerTexts(), before);
    await page.getByRole('button', { name: 'Held, 3 new' }).click();
    await counted(`${COUNT + 3} actions`);
  }),

  journey('keeps the last 500 actions when many come at once', async ({ server, counted, rows }) => {
    await counted(`${COUNT} actions`);
    for (let index = 0; index < 1000; index += 1) server.send('action', sampleAction(COUNT + index, Date.now()));
    server.send('action', { ...sampleAction(0, Date.now()), requestId: 'last', tool: 'the_last_one' });
    await rows.filter({ hasText: 'the_last_one' }).waitFor();
    await counted('500 actions');
    assert.equal(await rows.count(), 500);
  }),
];
