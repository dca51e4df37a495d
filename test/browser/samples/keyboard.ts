/** What can be done without a pointer. */
import assert from 'node:assert/strict';
import type { Journey } from '../journey.ts';
import { sampleAction } from './feed.ts';
import { COUNT, journey } from './stage.ts';

export const keyboardJourneys: readonly Journey[] = [
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
];
