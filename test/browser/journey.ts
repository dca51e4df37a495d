import type { Browser } from 'playwright-core';

/** One behaviour of the page, as somebody sees it who sits in front of it. */
export interface Journey {
  /** A sentence about the page. */
  readonly name: string;
  /** Rejects with what was wrong. */
  travel(browser: Browser): Promise<void>;
}
