/** The browser that the page is tried in: the one that the system has. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export const HOW_TO_GET_IT = `No Chromium was found. On Debian:

  apt-get install --no-install-recommends chromium

Or name one: SLUICE_CHROMIUM=/path/to/chromium npm run test:browser`;

export const HOW_TO_NAME_ANOTHER = `What is there does not start as a Chromium. Another one can be named:

  SLUICE_CHROMIUM=/path/to/chromium npm run test:browser`;

/** What `SLUICE_CHROMIUM` names, or else the first on the path; undefined when there is none. */
export function findChromium(env: NodeJS.ProcessEnv): string | undefined {
  const named = env['SLUICE_CHROMIUM'];
  if (named !== undefined && named !== '') return isProgram(named) ? named : undefined;
  const folders = [...(env['PATH'] ?? '').split(delimiter), '/usr/bin'];
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

/**
 * Without Chromium's sandbox: root cannot have it, nor can anybody where there are no user namespaces, and nothing but our
 * own page is opened. Rejects when what is there does not start, or is no Chromium.
 */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, chromiumSandbox: false });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
