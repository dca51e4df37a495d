import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { measure } from '../../../lib/adapters/powertools/measured-log.ts';
import type { ActionLog, Notice } from '../../../lib/ports/action-log.ts';
import { actionOf } from '../../support/action.ts';
import { storedSeries, valuesOf } from '../../support/embedded-metrics.ts';

const OPENED: Notice = { kind: 'breaker-opened', upstream: 'time' };

function open(write: (line: string) => void = () => undefined) {
  const logged: unknown[] = [];
  const lines: string[] = [];
  const log: ActionLog = {
    write: (action) => void logged.push(action),
    notice: (requestId, notice) => void logged.push([requestId, notice]),
    defect: (requestId, error) => void logged.push([requestId, error]),
  };
  const writeLine = (line: string): void => {
    write(line);
    lines.push(line);
  };
  return { logged, lines, ...measure(log, 'Sluice', writeLine) };
}

test('what is logged is in the log at once, and measured at the end of the invocation', async () => {
  const { logged, lines, actionLog, publish } = open();
  const action = actionOf();
  actionLog.write(action);
  actionLog.notice('request-1', OPENED);
  expect(logged).toEqual([action, ['request-1', OPENED]]);
  expect(lines).toEqual([]);
  await publish('request-1');
  const series = storedSeries(lines);
  expect(valuesOf(series, 'GatewayMs', 'time')).toEqual([2.5]);
  expect(valuesOf(series, 'BreakerOpen', 'time')).toEqual([1]);
});

test('a defect is in the log at once, and counted at the end, whether or not a call had to do with it', async () => {
  const { logged, lines, actionLog, publish } = open();
  const failure = new Error('afterwards');
  actionLog.defect('request-1', failure);
  expect(logged).toEqual([['request-1', failure]]);
  await publish('request-1');
  expect(valuesOf(storedSeries(lines), 'Defects')).toEqual([1]);
});

test('a cold start is counted although nothing was logged', async () => {
  const { lines, publish } = open();
  await publish('request-1', true);
  await publish('request-2', false);
  expect(valuesOf(storedSeries(lines), 'ColdStarts')).toEqual([1]);
});

test('what was published is not published again', async () => {
  const { lines, actionLog, publish } = open();
  actionLog.write(actionOf());
  await publish('request-1');
  await publish('request-2');
  actionLog.write(actionOf({ gatewayMs: 7 }));
  await publish('request-3');
  expect(lines).toHaveLength(2);
  expect(valuesOf(storedSeries(lines), 'GatewayMs', 'time')).toEqual([2.5, 7]);
});

test('metrics that cannot be written are a defect in the log, and fail nothing', async () => {
  const failure = new Error('no line');
  const { logged, actionLog, publish } = open(() => {
    throw failure;
  });
  actionLog.write(actionOf());
  await expect(publish('request-1')).resolves.toBeUndefined();
  expect(logged.at(-1)).toEqual(['request-1', failure]);
});

/** What a process of its own has loaded of Powertools after an invocation, with or without an action in it. */
function loadedBy(acts: boolean): readonly string[] {
  const program = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    const { measure } = await import('./lib/adapters/powertools/measured-log.ts');
    const log = { write() {}, notice() {}, defect(_id, error) { throw error; } };
    const { actionLog, publish } = measure(log, 'Sluice', () => {});
    if (${acts}) actionLog.write(${JSON.stringify(actionOf())});
    await publish('r');
    console.log(JSON.stringify(loaded.filter((url) => url.includes('aws-lambda-powertools'))));
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as string[];
}

test('Powertools is loaded by the first invocation that has something to publish', () => {
  expect(loadedBy(false)).toEqual([]);
  expect(loadedBy(true)).not.toEqual([]);
});
