/** docs/performance.md, as it is written from figures. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { Aim } from './aim.ts';
import { performanceDocument, type Run } from './document.ts';

const met: Aim = { what: 'size', measured: 3, atMost: 4, unit: 'MB' };
const missed: Aim = { what: 'speed', measured: 2.345, atMost: 2, unit: 'x' };

const run: Run = {
  machine: '2 x Sample CPU, Node v24.0.0',
  date: '2026-11-27',
  command: 'npm run bench',
  words: ['The load was low.'],
  aims: [met, missed],
  sections: [
    {
      heading: 'Latency',
      words: ['Two routes.'],
      sheets: [
        {
          title: 'Small calls',
          meaning: 'Milliseconds of a call.',
          header: ['route', 'p50'],
          rows: [
            ['direct', '0.10'],
            ['a|b <tag>', '12.5'],
          ],
        },
      ],
    },
  ],
};

test('the document names machine, date and command, and explains each table', () => {
  expect(performanceDocument(run)).toBe(`# Performance

Measured on 2026-11-27 by \`npm run bench\`, which wrote this page; whoever runs it gets a page of their own figures.

Machine: 2 x Sample CPU, Node v24.0.0.

The load was low.

## Aims

What was measured, beside the most that it is to be: 1 of 2 were missed.

|        | aim   | measured |     is to be |
| ------ | ----- | -------: | -----------: |
| MISSED | speed |   2.35 x |  at most 2 x |
| met    | size  |  3.00 MB | at most 4 MB |

## Latency

Two routes.

### Small calls

Milliseconds of a call.

| route       |  p50 |
| ----------- | ---: |
| direct      | 0.10 |
| a\\|b \\<tag> | 12.5 |
`);
});

test('what was not measured at all is an aim that was missed', () => {
  const aims = [{ ...met, measured: Number.NaN }];
  expect(performanceDocument({ ...run, aims })).toContain('| MISSED | size |   NaN MB | at most 4 MB |');
});

test('the formatter has nothing to change', async () => {
  const document = performanceDocument(run);
  const formatter = join(import.meta.dirname, '../../node_modules/.bin/oxfmt');
  const oxfmt = execFile(formatter, ['--stdin-filepath', 'docs/performance.md']);
  oxfmt.stdin?.end(document);
  expect(await text(oxfmt.stdout!)).toBe(document);
});
