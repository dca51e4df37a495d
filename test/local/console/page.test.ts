import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildConsolePage, type ConsolePage } from '../../../lib/local/console/page.ts';

const MOST_BYTES = 100_000;

let page: ConsolePage;

beforeAll(async () => {
  page = await buildConsolePage();
});

/** What is between the tags. */
function contentOf(tag: 'script' | 'style'): string {
  const parts = [...page.html.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, 'g'))];
  expect(parts.length).toBe(1);
  return parts[0]?.[1] ?? '';
}

describe('the page of the console', () => {
  test('stays below 100 KB', () => {
    expect(Buffer.byteLength(page.html)).toBeLessThan(MOST_BYTES);
  });

  test('allows the script and the style that are in it, by hash, and no others', () => {
    for (const tag of ['script', 'style'] as const) {
      const hash = createHash('sha256').update(contentOf(tag)).digest('base64');
      expect(page.contentSecurityPolicy).toContain(`${tag}-src 'sha256-${hash}';`);
    }
    expect(page.contentSecurityPolicy).toMatch(/^default-src 'none';/);
    expect(page.contentSecurityPolicy).not.toMatch(/unsafe|https?:|\*/);
  });

  test('names no other place that anything could be loaded from', () => {
    expect(page.html.replace(contentOf('script'), '')).not.toMatch(/(src|href)="(?!data:)|url\(|@import/);
    const places = contentOf('script').match(/https?:\/\/[^"'`]+/g) ?? [];
    // Names of what elements are, which nobody fetches.
    expect(places.filter((place) => !place.startsWith('http://www.w3.org/'))).toEqual([]);
  });

  test('is the same whenever it is built', async () => {
    expect(await buildConsolePage()).toEqual(page);
  });
});
