/** `npm run test:browser`; `--help` says what it does. */
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import type { Check } from '../interop/judge.ts';
import { broke, closingLine, exitStatusOf, problemsOf, ran, type Part } from '../interop/outcome.ts';
import { findChromium, HOW_TO_GET_IT, HOW_TO_NAME_ANOTHER, launchChromium } from './chromium.ts';
import { gatewayJourneys } from './gateway/journeys.ts';
import type { Journey } from './journey.ts';
import { sampleJourneys } from './samples/journeys.ts';
import { SCREENSHOTS } from './visit.ts';

const USAGE = `npm run test:browser [-- --only NAME]

Looks at /console in Chromium, as a person would: with a pointer, with nothing but a keyboard, in light and dark, on a
wide and on a narrow screen. Every warning, error, failed request and request to another origin is a failure.

  samples   the page with a feed of samples, which holds what a gateway that is well does not show
  gateway   the page of the local gateway, while clients of the MCP SDK call the demo upstreams

Screenshots go to build/screenshots. Chromium is what SLUICE_CHROMIUM names, or the system's; without one the exit status
is 75, otherwise 0 when nothing failed. One that does not start is a failure. The last line is "N passed, N failed, N not to be had".`;

/** What a command exits with that could not do its work for want of a tool. */
const NOT_TO_BE_HAD = 75;

/** Opens what its journeys need; `close` ends it. */
interface Scene {
  readonly name: string;
  open(): Promise<{ readonly journeys: readonly Journey[]; close(): Promise<void> }>;
}

const SCENES: readonly Scene[] = [
  { name: 'samples', open: async () => ({ journeys: sampleJourneys, close: async () => undefined }) },
  { name: 'gateway', open: gatewayJourneys },
];

const { values: options } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

if (options.help === true) console.log(USAGE);
// Whatever a scene that broke has left running ends with this process.
else process.exit(await main(SCENES.filter(({ name }) => [undefined, name].includes(options.only))));

async function main(scenes: readonly Scene[]): Promise<number> {
  if (scenes.length === 0) {
    console.error(`Nothing is called ${options.only}; there are: ${SCENES.map(({ name }) => name).join(', ')}`);
    return 1;
  }
  const program = findChromium(process.env);
  if (program === undefined) {
    console.error(HOW_TO_GET_IT);
    return NOT_TO_BE_HAD;
  }
  const parts = await launchChromium(program).then(
    (browser) => playAll(scenes, browser),
    (error: unknown) => {
      console.error(`${program}: ${HOW_TO_NAME_ANOTHER}`);
      return [broke('browser', error)];
    },
  );
  console.log(['', ...problemsOf(parts), `Screenshots: ${SCREENSHOTS}`, closingLine(parts)].join('\n'));
  return exitStatusOf(parts);
}

async function playAll(scenes: readonly Scene[], browser: Browser): Promise<readonly Part[]> {
  console.log(`Chromium ${browser.version()}`);
  const parts: Part[] = [];
  for (const scene of scenes) {
    parts.push(await play(scene, browser).catch((error: unknown) => broke(scene.name, error)));
  }
  await browser.close();
  return parts;
}

async function play({ name, open }: Scene, browser: Browser): Promise<Part> {
  const { journeys, close } = await open();
  const checks: Check[] = [];
  console.log(`\n${name}`);
  try {
    for (const journey of journeys) {
      const started = performance.now();
      const problem = await journey.travel(browser).then(() => undefined, wordsOf);
      checks.push({ name: journey.name, problem });
      const mark = problem === undefined ? 'passed' : 'FAILED';
      console.log(`  ${mark}  ${journey.name} (${Math.round(performance.now() - started)} ms)`);
    }
  } finally {
    await close();
  }
  return ran(name, '', checks);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
