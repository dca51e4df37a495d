/** The page as it is served: clients call, and somebody watches. */
import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import type { Era } from '../../../lib/protocol/era.ts';
import { connectV2 } from '../../support/sdk-clients.ts';
import { modernRequest, post } from '../../support/wire.ts';
import { startWorld, type World } from './world.ts';
import type { Journey } from '../journey.ts';
import { visit, type Visit, type VisitOptions } from '../visit.ts';

/** As the configuration has it by default. */
const FAILURES_TO_OPEN = 5;

type Act = (visit: Visit, world: World) => Promise<void>;

/** One gateway for all of them: they see what happened before. */
export async function gatewayJourneys(): Promise<{ readonly journeys: readonly Journey[]; close(): Promise<void> }> {
  const world = await startWorld();
  const journey = (name: string, act: Act, options: VisitOptions = {}): Journey => ({
    name,
    travel: (browser: Browser) => visit(browser, world.console, options, (visit) => act(visit, world)),
  });
  return {
    journeys: [
      journey('is there before anything has happened', async ({ page, screenshot }) => {
        await page.getByText('live', { exact: true }).waitFor();
        await page.getByText('No actions yet.').waitFor();
        await screenshot('gateway-start');
      }),
      journey('shows calls of either era as they end, without a reload', showCalls),
      journey('shows where the time of a call went', showWaterfall),
      journey('says of a request that nobody wanted to be traced that it was not', showUntraced),
      journey('filters by tool, outcome, session and upstream, over a reload', filterActions),
      journey('shows how an upstream fails, and that it is left alone then', showFailures),
      journey('shows environments, sessions, the catalog and notices', showState),
      journey('leads to a waterfall by keyboard alone', useKeyboard),
      journey('is dark where that is wanted', beDark, { colorScheme: 'dark' }),
      journey('fits a narrow screen', beNarrow, { width: 380, height: 800 }),
    ],
    close: () => world.close(),
  };
}

async function showCalls({ page, rows, panel }: Visit, { mcp }: World): Promise<void> {
  await page.getByText('live', { exact: true }).waitFor();
  const health = await panel('Health');
  await call(mcp, 'modern', 'echo', { message: 'hello' });
  await rows.filter({ hasText: 'echo' }).filter({ hasText: 'cold' }).first().waitFor();
  await health
    .getByRole('row', { name: /frozen/ })
    .first()
    .waitFor();
  await call(mcp, 'legacy', 'time__get_system_time', {});
  const time = rows.filter({ hasText: 'time__get_system_time' }).first();
  await time.waitFor();
  assert.deepEqual(await time.locator('td.upstream-name, td.outcome').allInnerTexts(), ['time', 'ok']);
  await rows.filter({ hasText: 'initialize' }).first().waitFor();
}

async function showWaterfall({ rows, spans, detail, screenshot }: Visit): Promise<void> {
  await rows.filter({ hasText: 'echo' }).first().click();
  await spans.first().waitFor();
  await detail.locator('.waterfall tr.upstream').first().waitFor();
  assert.ok((await detail.locator('.waterfall tr.gateway').count()) > 1);
  // What the trace says is what the log says, but for what neither can see.
  const field = async (name: string) =>
    Number(await detail.locator('.fields > div').filter({ hasText: name }).locator('dd').innerText());
  const total = Number(/total ([\d.]+) ms/.exec(await detail.locator('.legend').innerText())?.[1]);
  const logged = await field('totalMs');
  assert.ok(Math.abs(total - logged) < Math.max(20, logged / 2), `${total} ms in the trace, ${logged} in the log`);
  await screenshot('gateway-waterfall');
}

/** The platform gives each request a trace, whether it is sampled or not. */
async function showUntraced({ rows, detail }: Visit, { mcp }: World): Promise<void> {
  const { body, headers } = modernRequest('prompts/list');
  const trace = `Root=1-68f1c2d3-${'0123456789abcdef'.repeat(2).slice(8)};Sampled=0`;
  await post(mcp, body, { ...headers, 'x-amzn-trace-id': trace });
  await rows.filter({ hasText: 'prompts/list' }).first().click();
  await detail.getByText('the request was not traced').waitFor();
}

async function filterActions(visit: Visit): Promise<void> {
  const { page, rows, filter, screenshot } = visit;
  await rows.first().waitFor();
  const all = await rows.count();
  const narrow = async (label: string, choice: string, column: string) => {
    await filter(label).selectOption({ label: choice });
    await page.getByText(new RegExp(`^\\d+ of ${all} actions$`)).waitFor();
    const shown = await rows.locator(`td.${column}`).allInnerTexts();
    assert.ok(shown.length > 0 && shown.length < all, `${shown.length} of ${all}`);
    return shown;
  };
  const clear = () => page.getByRole('button', { name: 'Clear' }).click();

  assert.deepEqual(new Set(await narrow('Tool or method', 'echo', 'tool')), new Set(['echo']));
  await page.reload();
  await page.getByText(new RegExp(`^\\d+ of ${all} actions$`)).waitFor();
  assert.deepEqual(new Set(await rows.locator('td.tool').allInnerTexts()), new Set(['echo']));
  await screenshot('gateway-filtered');
  await clear();
  assert.deepEqual(new Set(await narrow('Upstream', 'time', 'upstream-name')), new Set(['time']));
  await clear();
  const session = (await filter('Session').locator('option').allInnerTexts())[1];
  assert.ok(session);
  assert.ok((await narrow('Session', session, 'tool')).includes('time__get_system_time'));
  await clear();
  await filter('Outcome').selectOption({ label: 'cancelled' });
  await page.getByText('No action matches the filters.').waitFor();
}

async function showFailures(visit: Visit, { mcp }: World): Promise<void> {
  const { rows, filter, page, panel, screenshot } = visit;
  const health = await panel('Health');
  for (let failure = 0; failure < FAILURES_TO_OPEN; failure += 1) {
    await assert.rejects(call(mcp, 'modern', 'missing__anything', {}));
  }
  await filter('Outcome').selectOption({ label: 'anything but ok' });
  await rows
    .filter({ hasText: 'missing__anything' })
    .nth(FAILURES_TO_OPEN - 1)
    .waitFor();
  await health.getByRole('row', { name: /^missing open (in \d+ s|due) \d/ }).waitFor();
  await page.getByText('3, 1 breaker open').waitFor();
  await (
    await panel('Notices')
  )
    .getByText(/breaker opened/)
    .first()
    .waitFor();
  await screenshot('gateway-failures');
}

async function showState({ panel, screenshot }: Visit, { mcp }: World): Promise<void> {
  const { client, close } = await connectV2(mcp, 'legacy');
  await client.listTools();
  await client.callTool({ name: 'echo', arguments: { message: 'hello' } });
  const sessions = await panel('Sessions');
  await sessions
    .getByRole('row', { name: /test-client.*test/s })
    .first()
    .waitFor();
  await screenshot('gateway-sessions');
  const catalog = await panel('Catalog');
  await catalog.getByRole('row', { name: /^time tools \d+ s in \d+/ }).waitFor();
  await catalog.getByRole('row', { name: /^test tools \d+ s in \d+/ }).waitFor();
  await screenshot('gateway-catalog');
  const health = await panel('Health');
  await health.getByRole('row', { name: /^time closed/ }).waitFor();
  assert.ok((await health.getByRole('row', { name: /frozen/ }).count()) > 1);
  await close();
  await (await panel('Sessions')).getByText('No client has a session').waitFor();
}

async function useKeyboard({ page, rows, selected, detail, spans }: Visit): Promise<void> {
  await rows.first().waitFor();
  const press = (key: string) => page.keyboard.press(key);
  await press('Tab');
  await press('Enter');
  await press('ArrowDown');
  // Down to a call that went to an upstream that is there.
  const isFound = async () => /echo.*ok|time.*ok/s.test(await selected.innerText());
  for (let row = 0, count = await rows.count(); row < count && !(await isFound()); row += 1) await press('j');
  await spans.first().waitFor();
  await detail.locator('.waterfall tr.upstream').first().waitFor();
  await press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'detail-heading');
  await press('Escape');
  assert.equal(await selected.count(), 0);
}

async function beDark({ page, rows, spans, screenshot }: Visit): Promise<void> {
  await rows.filter({ hasText: 'time__get_system_time' }).first().click();
  await spans.first().waitFor();
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(17, 19, 22)');
  await screenshot('gateway-dark');
}

async function beNarrow({ page, rows, spans, screenshot }: Visit): Promise<void> {
  await rows.filter({ hasText: 'time__get_system_time' }).first().click();
  await spans.first().waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 380);
  await screenshot('gateway-narrow');
}

/** With a client that comes and goes. Rejects when the call does. */
async function call(mcp: string, era: Era, name: string, given: Record<string, unknown>): Promise<void> {
  const { client, close } = await connectV2(mcp, era);
  try {
    await client.callTool({ name, arguments: given });
  } finally {
    await close();
  }
}
