/** Contrast of text as WCAG 2.2 reckons it (1.4.3), measured on the page as it is painted. */
import type { Page } from 'playwright-core';

/** At least 4.5 is asked of text of the usual size. */
const LEAST = 4.5;

/** Texts with too little contrast, with what it is. What is disabled need not have any. */
export async function findFaintText(page: Page): Promise<readonly string[]> {
  const texts = await page.evaluate(() => {
    const painted = (element: Element): string => {
      for (let at: Element | null = element; at !== null; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (colour !== 'rgba(0, 0, 0, 0)') return colour;
      }
      return getComputedStyle(document.body).backgroundColor;
    };
    return [...document.body.querySelectorAll('*')]
      .filter((element) => !element.matches('script, style, noscript, option, optgroup, :disabled'))
      .filter((element) => [...element.childNodes].some((node) => node instanceof Text && node.data.trim() !== ''))
      .map((element) => ({
        text: element.textContent,
        colour: getComputedStyle(element).color,
        ground: painted(element),
      }));
  });
  return texts.flatMap(({ text, colour, ground }) => {
    const contrast = contrastOf(colour, ground);
    return contrast >= LEAST ? [] : [`${text}: ${contrast.toFixed(2)} (${colour} on ${ground})`];
  });
}

function contrastOf(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminanceOf(one), luminanceOf(other)].toSorted((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Of `rgb(1, 2, 3)`. */
function luminanceOf(colour: string): number {
  const [red = 0, green = 0, blue = 0] = (colour.match(/\d+/g) ?? []).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
