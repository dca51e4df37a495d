/** The page in a browser of its own, with everything noted that a page in order does not do. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Locator, Page } from 'playwright-core';

/** Where screenshots go. */
export const SCREENSHOTS = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));

export interface VisitOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce';
  /** Behind the `#` of the address. */
  readonly fragment?: string;
  /** Called before the page is there. */
  readonly prepare?: (page: Page) => Promise<void>;
}

export interface Visit {
  readonly page: Page;
  /** Rows of the list of actions, the newest first. */
  readonly rows: Locator;
  /** The row that is selected. */
  readonly selected: Locator;
  /** The part below the list. */
  readonly detail: Locator;
  /** Rows of the waterfall. */
  readonly spans: Locator;
  /** The list that belongs to a label of the filters. */
  filter(label: string): Locator;
  /** Resolves when the page says this of how many are shown, as `3 of 40 actions`. */
  counted(text: string): Promise<void>;
  /** Opens a tab beside the list, and is what it shows. */
  panel(name: string): Promise<Locator>;
  screenshot(name: string): Promise<void>;
  /** Such errors, warnings, failed requests or requests to elsewhere are what the journey is about. */
  allow(problem: RegExp): void;
}

/** Waits no longer than this for anything. */
const LIMIT_MS = 15_000;

/**
 * Opens the page at `url`, and closes it after `work`. Rejects when it had problems, when `work` rejects, and with both
 * where there are both.
 */
export async function visit(
  browser: Browser,
  url: string,
  options: VisitOptions,
  work: (visit: Visit) => Promise<void>,
): Promise<void> {
  const { width = 1440, height = 900, colorScheme = 'light', reducedMotion = null, fragment = '', prepare } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion });
  const problems: string[] = [];
  const allowed: RegExp[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    note(page, new URL(url).origin, problems);
    await prepare?.(page);
    await page.goto(fragment === '' ? url : `${url}#${fragment}`);
    await work(visitOf(page, allowed));
  } catch (error) {
    failure = { error };
  } finally {
    await context.close();
  }
  const left = problems.filter((problem) => !allowed.some((pattern) => pattern.test(problem)));
  const told = `The page had problems: ${left.join('; ')}`;
  // What went wrong on the page is often why the journey failed.
  if (failure !== undefined) throw left.length === 0 ? failure.error : both(failure.error, told);
  if (left.length > 0) throw new Error(told);
}

function both(error: unknown, told: string): Error {
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Error(`${told}\n${words}`, { cause: error });
}

function visitOf(page: Page, allowed: RegExp[]): Visit {
  const rows = page.locator('#actions tbody tr');
  const detail = page.locator('.detail');
  return {
    page,
    rows,
    selected: page.locator('#actions tbody tr[aria-selected="true"]'),
    detail,
    spans: detail.locator('.waterfall tbody tr'),
    filter: (label) => page.getByRole('combobox', { name: label, exact: true }),
    counted: (text) => page.getByText(text, { exact: true }).waitFor(),
    panel: async (name) => {
      await page.getByRole('tab', { name }).click();
      return page.getByRole('tabpanel', { name });
    },
    screenshot: async (name) => {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
    },
    allow: (problem) => allowed.push(problem),
  };
}

function note(page: Page, origin: string, problems: string[]): void {
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    const { origin: target, protocol } = new URL(request.url());
    if (protocol !== 'data:' && target !== origin) problems.push(`request to elsewhere: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`HTTP ${response.status()}: ${response.url()}`);
  });
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? 'failed';
    // What is broken off because the page is left or something else is wanted by now.
    if (reason !== 'net::ERR_ABORTED') problems.push(`${reason}: ${request.url()}`);
  });
}
