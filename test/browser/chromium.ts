/** The browser that the page is tried in: the one that the system has. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export const HOW_TO_GET_IT = `No Chromium was found. On Debian:

  apt-get install --no-install-recommends chromium

Or name one: SLUICE_CHROMIUM=/path/to/chromium npm run test:browser`;

/** What `SLUICE_CHROMIUM` names, or else the first on the path; undefined when there is none. */
export function findChromium(env: NodeJS.ProcessEnv): string | undefined {
  const named = env['SLUICE_CHROMIUM'];
  if (named !== undefined && named !== '') return isProgram(named) ? named : undefined;
  const folders = [...(env['PATH'] ?? '').split(delimiter), '/usr/bin'];
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

/** Its sandbox is given up only where it cannot be had: for root. */
export async function launchChromium(executablePath: string): Promise<Browser> {
  return await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
