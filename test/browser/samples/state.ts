/** What is beside the list, and the feed itself. */
import assert from 'node:assert/strict';
import type { Journey } from '../journey.ts';
import { sampleAction } from './feed.ts';
import { COUNT, journey, NOTHING } from './stage.ts';

export const stateJourneys: readonly Journey[] = [
  journey('shows health, environments, sessions, the catalog and notices', async (stage) => {
    const { page, panel, screenshot, server, snapshot } = stage;
    const health = await panel('Health');
    await health.getByRole('row', { name: /^billing open in \d+ s 5 6 3 1204$/ }).waitFor();
    await health.getByRole('row', { name: /^env-3 cold/ }).waitFor();
    await health.getByRole('row', { name: /^env-2 busy/ }).waitFor();
    await health.getByRole('row', { name: /^env-1 frozen/ }).waitFor();
    server.send('environment', { name: 'env-3', state: 'busy', since: Date.now(), invocations: 1 });
    await health.getByRole('row', { name: /^env-3 busy \d s 1$/ }).waitFor();
    server.send('environment', { name: 'env-1', state: 'gone' });
    await health.getByRole('row', { name: /^env-1/ }).waitFor({ state: 'detached' });
    await screenshot('health');
    await (await panel('Sessions')).getByRole('row', { name: /9b1dc0f2a4e7.*claude-ai.*time, test/s }).waitFor();
    await page.getByRole('tab', { name: 'Sessions 2+' }).waitFor();
    await screenshot('sessions');
    const catalog = await panel('Catalog');
    await catalog.getByRole('row', { name: /^time introduction 7 min stale 611 B$/ }).waitFor();
    await catalog.getByRole('row', { name: /^test prompts \d+ s no longer 982 B$/ }).waitFor();
    await screenshot('catalog');
    server.send('state', { ...snapshot, catalog: [] });
    await catalog.getByText('No list is kept yet').waitFor();
    await (await panel('Notices')).getByText('has failed 5 times').waitFor();
    await screenshot('notices');
    await page.getByText('3, 2 breakers open').waitFor();
  }),

  journey('leads from a notice to the action it is about', async ({ page, panel, selected, detail, snapshot }) => {
    const notices = await panel('Notices');
    await notices.getByRole('button', { name: /^request / }).click();
    const { requestId } = snapshot.actions[7]!;
    assert.equal(await selected.getAttribute('data-key'), requestId);
    await detail.getByText(requestId).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'detail-heading');
  }),

  journey(
    'lets ages grow by themselves',
    async ({ page, panel }) => {
      const catalog = await panel('Catalog');
      await catalog.getByRole('row', { name: /^test tools \d+ s in/ }).waitFor();
      await page.clock.fastForward(600_000);
      await catalog.getByRole('row', { name: /^test tools 11 min no longer/ }).waitFor();
    },
    { prepare: (page) => page.clock.install() },
  ),

  journey('listens only while it can be seen, and knows everything when it can be seen again', async (stage) => {
    const { page, counted, server } = stage;
    const show = (state: DocumentVisibilityState) =>
      page.evaluate((visibilityState) => {
        Object.defineProperty(document, 'visibilityState', { value: visibilityState, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, state);
    await counted(`${COUNT} actions`);
    await server.listened(1);
    await show('hidden');
    await server.listened(0);
    server.begin({ ...NOTHING, actions: [sampleAction(3, Date.now())] });
    await show('visible');
    await counted('1 action');
    await page.getByText('live', { exact: true }).waitFor();
    await show('visible');
    await server.listened(1);
  }),

  journey('comes back after the feed broke off, with what the new snapshot says and nothing else', async (stage) => {
    const { page, counted, rows, server, allow } = stage;
    allow(/console\/feed|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_REFUSED/);
    await counted(`${COUNT} actions`);
    server.begin({ ...NOTHING, actions: [sampleAction(3, Date.now())] });
    server.breakOff();
    await counted('1 action');
    await page.getByText('live', { exact: true }).waitFor();
    assert.equal(await rows.count(), 1);
    server.close();
    await page.getByText('reconnecting', { exact: true }).waitFor();
  }),
];
