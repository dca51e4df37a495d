/** How it looks: contrast, narrow screens, motion. */
import assert from 'node:assert/strict';
import { findFaintText } from '../contrast.ts';
import type { Journey } from '../journey.ts';
import { journey } from './stage.ts';

export const lookJourneys: readonly Journey[] = [
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

  ...[380, 768, 1100, 1280].map((width) =>
    journey(
      `fits ${width} pixels`,
      async ({ page, rows, spans, panel, screenshot }) => {
        await rows.filter({ hasText: 'onerror' }).first().click();
        await spans.first().waitFor();
        const { width: room } = (await rows.first().locator('.tool').boundingBox())!;
        assert.ok(room >= 90, `${room} pixels for the name of a tool`);
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
