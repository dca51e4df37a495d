/** Whatever clients and upstreams have put into the feed. */
import assert from 'node:assert/strict';
import type { Journey } from '../journey.ts';
import { HOSTILE } from './feed.ts';
import { journey } from './stage.ts';

export const safetyJourneys: readonly Journey[] = [
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
];
