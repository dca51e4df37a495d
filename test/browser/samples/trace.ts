/** One action: its waterfall and its log line. */
import assert from 'node:assert/strict';
import type { Journey } from '../journey.ts';
import { sampleAction, sampleTrace, underWay } from './feed.ts';
import { COUNT, journey } from './stage.ts';

export const traceJourneys: readonly Journey[] = [
  journey('shows of an action the waterfall, apart in colour, pattern and words', async (stage) => {
    const { rows, spans, detail, screenshot } = stage;
    await rows.filter({ hasText: 'slow' }).first().click();
    await spans.first().waitFor();
    assert.deepEqual(await spans.locator('th').allInnerTexts(), [
      'sluice',
      'authenticate',
      'client-session',
      'plan',
      'relay',
      'test',
      'deliver',
    ]);
    const kinds = await spans.locator('.kind').allInnerTexts();
    assert.deepEqual(
      kinds.map((kind) => kind.trim()),
      ['gateway', 'gateway', 'gateway', 'gateway', 'gateway', 'upstream', 'gateway'],
    );
    const looks = (kind: string) =>
      detail
        .locator(`.span.${kind}`)
        .first()
        .evaluate((bar) => {
          const { backgroundColor, backgroundImage } = getComputedStyle(bar);
          return { backgroundColor, isStriped: backgroundImage.includes('gradient') };
        });
    const [gateway, upstream] = [await looks('gateway'), await looks('upstream')];
    assert.equal(gateway.isStriped, false);
    assert.equal(upstream.isStriped, true);
    await detail.getByText('upstream 61.5 ms').waitFor();
    await detail.getByText('gateway 4.40 ms').waitFor();
    await screenshot('waterfall');
  }),

  journey('draws each span where it was', async ({ rows, spans, detail, latest }) => {
    await rows.filter({ hasText: 'slow' }).first().click();
    await spans.first().waitFor();
    const track = (await spans.first().locator('.track').boundingBox())!;
    const bar = (await detail.locator('.span.upstream').boundingBox())!;
    const { gatewayMs, upstreamMs, totalMs } = latest('slow');
    const near = (actual: number, expected: number) =>
      assert.ok(Math.abs(actual - expected) < 2, `${actual} is not ${expected}`);
    near(bar.x - track.x, (track.width * gatewayMs * 0.6) / totalMs);
    near(bar.width, (track.width * upstreamMs) / totalMs);
  }),

  journey('shows all that is in the log line', async ({ rows, detail, latest }) => {
    await rows.filter({ hasText: 'slow' }).first().click();
    const fields = detail.locator('.fields > div');
    await fields.first().waitFor();
    const shown = await fields.evaluateAll((all) =>
      all.map((field) => [...field.children].map((each) => each.textContent)),
    );
    assert.deepEqual(
      shown,
      Object.entries(latest('slow')).map(([name, value]) => [name, String(value)]),
    );
  }),

  journey('says that a request was not traced', async ({ rows, detail }) => {
    await rows.filter({ hasText: 'long' }).first().click();
    await detail.getByText('This request was not traced.').waitFor();
  }),

  journey('says that nothing is kept of a trace that is gone', async (stage) => {
    const { rows, detail, server, counted } = stage;
    await counted(`${COUNT} actions`);
    server.send('action', { ...sampleAction(COUNT, Date.now()), tool: 'long_ago' });
    await rows.filter({ hasText: 'long_ago' }).click();
    await detail.getByText('Nothing of this trace is kept').waitFor();
  }),

  journey(
    'lets nothing grow of a trace whose end was lost',
    async ({ page, rows, detail, server, latest }) => {
      server.keep(underWay(sampleTrace(latest('slow'))));
      await rows.filter({ hasText: 'slow' }).first().click();
      await detail.getByText('Still under way').waitFor();
      const before = await detail.innerText();
      await page.clock.fastForward(600_000);
      await page.getByRole('row', { name: /^billing open due/ }).waitFor();
      assert.equal(await detail.innerText(), before);
    },
    { prepare: (page) => page.clock.install() },
  ),

  journey('says that a trace is under way, and shows the rest of it as it comes', async (stage) => {
    const { rows, detail, spans, server, screenshot, latest } = stage;
    const trace = sampleTrace(latest('slow'));
    server.keep(underWay(trace));
    await rows.filter({ hasText: 'slow' }).first().click();
    await detail.getByText('Still under way: 2 spans without an end.').waitFor();
    await screenshot('under-way');
    server.send('trace', trace);
    await detail.getByText('Still under way').waitFor({ state: 'detached' });
    assert.equal(await spans.count(), trace.spans.length);
  }),
];
