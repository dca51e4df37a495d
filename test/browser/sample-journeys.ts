/** What the page makes of a feed, whatever is in it. */
import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import type { ActionLine, Snapshot } from '../../lib/local/console/feed.ts';
import { findFaintText } from './contrast.ts';
import type { Journey } from './journey.ts';
import { HOSTILE, sampleAction, sampleSnapshot, sampleTrace, underWay } from './sample-feed.ts';
import { startSampleServer, type SampleServer } from './sample-server.ts';
import { visit, type Visit, type VisitOptions } from './visit.ts';

const COUNT = 40;

const NOTHING: Snapshot = { actions: [], notices: [], environments: [], upstreams: [], sessions: [], catalog: [] };

/** Each journey has a server of its own, so that none of them sees what another one did. */
export async function sampleJourneys(): Promise<{ readonly journeys: readonly Journey[]; close(): Promise<void> }> {
  return { journeys: JOURNEYS, close: async () => undefined };
}

interface Stage extends Visit {
  readonly server: SampleServer;
  readonly snapshot: Snapshot;
  /** The latest action of that tool. */
  latest(tool: string): ActionLine;
}

type Act = (stage: Stage) => Promise<void>;

function journey(name: string, act: Act, options: VisitOptions = {}, snapshot?: Snapshot): Journey {
  return { name, travel: (browser) => onStage(browser, options, snapshot, act) };
}

async function onStage(
  browser: Browser,
  options: VisitOptions,
  snapshot: Snapshot = sampleSnapshot(Date.now(), COUNT),
  act: Act,
): Promise<void> {
  const server = await startSampleServer(snapshot);
  for (const action of snapshot.actions) if (action.traceId !== null) server.keep(sampleTrace(action));
  const latest = (tool: string) => snapshot.actions.findLast((action) => action.tool === tool)!;
  try {
    await visit(browser, server.url, options, (visit) => act({ ...visit, server, snapshot, latest }));
  } finally {
    server.close();
  }
}

const JOURNEYS: readonly Journey[] = [
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

  journey('takes a keyboard and nothing else', async ({ page, rows, selected, detail, spans, server, snapshot }) => {
    await rows.first().waitFor();
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
    const selection = async () => await selected.getAttribute('data-key');
    const key = (index: number) => snapshot.actions.at(-1 - index)!.requestId;
    await press('Tab');
    assert.equal(await focused(), 'Skip to the actions');
    await press('Enter', 'ArrowDown');
    assert.equal(await selection(), key(0));
    await press('j', 'j', 'ArrowDown', 'k', 'ArrowUp');
    assert.equal(await selection(), key(1));
    await press('End');
    assert.equal(await selection(), key(COUNT - 1));
    assert.ok(await selected.evaluate((row) => row.getBoundingClientRect().bottom <= innerHeight));
    await press('Home', 'PageDown', 'j');
    assert.equal(await selection(), key(11));
    await spans.first().waitFor();
    await press('Enter');
    assert.equal(await focused(), await detail.getByRole('heading', { level: 2 }).innerText());
    await press('Tab');
    assert.equal(await focused(), 'Close');
    await press('Shift+Tab', 'Escape');
    assert.equal(await selected.count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'TR');
    // What comes in does not take the focus away.
    server.send('action', sampleAction(COUNT, Date.now()));
    await press('Tab');
    assert.match(await focused(), /^Health/);
    await press('ArrowRight', 'ArrowRight');
    await page.getByRole('tabpanel', { name: 'Catalog' }).waitFor();
    assert.match(await focused(), /^Catalog/);
  }),

  journey('shows wherever the focus is', async ({ page, rows }) => {
    await rows.first().waitFor();
    const stops: string[] = [];
    for (let stop = 0; stop < 9; stop += 1) {
      await page.keyboard.press('Tab');
      const { label, outline } = await page.evaluate(() => {
        const element = document.activeElement ?? document.body;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return { label: element.textContent ?? '', outline: `${outlineStyle} ${outlineWidth}` };
      });
      assert.equal(outline, 'solid 2px', label);
      stops.push(label);
    }
    assert.ok(new Set(stops).size === 9, stops.join(', '));
  }),

  journey('takes whatever comes for text', async ({ page, rows, filter, panel, detail, server }) => {
    await rows.first().waitFor();
    server.send('notice', { time: Date.now(), requestId: HOSTILE, isTrouble: true, text: HOSTILE });
    await rows.filter({ hasText: 'onerror' }).first().click();
    const written = HOSTILE.replace('\u202E', '\\u{202e}');
    assert.equal(await detail.getByRole('heading', { level: 2 }).innerText(), written);
    await filter('Tool or method').selectOption({ label: written });
    await (await panel('Sessions')).getByText('onerror').waitFor();
    await (await panel('Notices')).getByText('onerror').first().waitFor();
    assert.equal(await page.title(), 'Sluice console');
    assert.equal(await page.locator('img, script:not([type="module"])').count(), 0);
  }),

  journey('runs no script and takes no style that is not its own', async ({ page, rows, allow }) => {
    allow(/Content Security Policy/);
    await rows.first().waitFor();
    const refused = await page.evaluate(async () => {
      const violations: string[] = [];
      const both = new Promise<void>((resolve) => {
        document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
          if (violations.push(effectiveDirective) === 2) resolve();
        });
      });
      const script = document.createElement('script');
      script.textContent = "document.title = 'taken'";
      document.body.append(script);
      document.body.setAttribute('style', 'display: none');
      await both;
      return violations;
    });
    assert.deepEqual(refused.toSorted(), ['script-src-elem', 'style-src-attr']);
    assert.equal(await page.title(), 'Sluice console');
  }),

  journey('shows health, environments, sessions, the catalog and notices', async (stage) => {
    const { page, panel, screenshot, server, snapshot } = stage;
    const health = await panel('Health');
    await health.getByRole('row', { name: /^billing open in \d+ s 5 7 5 1204$/ }).waitFor();
    await health.getByRole('row', { name: /^env-3 cold/ }).waitFor();
    await health.getByRole('row', { name: /^env-2 busy/ }).waitFor();
    await health.getByRole('row', { name: /^env-1 frozen/ }).waitFor();
    server.send('environment', { name: 'env-3', state: 'busy', since: Date.now(), invocations: 1 });
    await health.getByRole('row', { name: /^env-3 busy \d s 1$/ }).waitFor();
    server.send('environment', { name: 'env-1', state: 'gone', since: Date.now(), invocations: 1 });
    await health.getByRole('row', { name: /^env-1/ }).waitFor({ state: 'detached' });
    await screenshot('health');
    await (await panel('Sessions')).getByRole('row', { name: /9b1dc0f2a4e7.*claude-ai.*time, test/s }).waitFor();
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

  journey('keeps the last 500 actions when many come at once', async ({ server, counted, rows }) => {
    await counted(`${COUNT} actions`);
    for (let index = 0; index < 1000; index += 1) server.send('action', sampleAction(COUNT + index, Date.now()));
    server.send('action', { ...sampleAction(0, Date.now()), requestId: 'last', tool: 'the_last_one' });
    await rows.filter({ hasText: 'the_last_one' }).waitFor();
    await counted('500 actions');
    assert.equal(await rows.count(), 500);
  }),

  ...(['light', 'dark'] as const).map((colorScheme) =>
    journey(
      `has enough contrast in ${colorScheme}`,
      async ({ page, rows, spans, panel, screenshot }) => {
        await rows.filter({ hasText: 'unstable' }).nth(1).click();
        await spans.first().waitFor();
        await screenshot(colorScheme);
        const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const isDark = Number(/\d+/.exec(background)?.[0]) < 128;
        assert.equal(isDark, colorScheme === 'dark');
        for (const name of ['Health', 'Sessions', 'Catalog', 'Notices']) {
          await panel(name);
          assert.deepEqual(await findFaintText(page), [], name);
        }
      },
      { colorScheme },
    ),
  ),

  ...[380, 768, 1100].map((width) =>
    journey(
      `fits ${width} pixels`,
      async ({ page, rows, spans, panel, screenshot }) => {
        await rows.filter({ hasText: 'onerror' }).first().click();
        await spans.first().waitFor();
        for (const name of ['Health', 'Sessions', 'Catalog', 'Notices']) {
          await panel(name);
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, name);
          const wide = await page.evaluate(
            () =>
              [...document.querySelectorAll('.scroll')].filter((part) => part.scrollWidth > part.clientWidth).length,
          );
          assert.equal(wide, 0, `${name}: something scrolls sideways`);
        }
        await page.evaluate(() => scrollTo(0, 0));
        await screenshot(`width-${width}`);
      },
      { width, height: 800 },
    ),
  ),

  journey(
    'moves nothing where motion is not wanted',
    async ({ rows }) => {
      const duration = await rows
        .first()
        .locator('.bar span')
        .first()
        .evaluate((bar) => getComputedStyle(bar).transitionDuration);
      assert.equal(duration, '0s');
    },
    { reducedMotion: 'reduce' },
  ),
];
