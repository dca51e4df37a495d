import { describe, expect, test } from 'vitest';
import { Console } from '../../lib/local/console/console.ts';
import { readLogLine } from '../../lib/local/log/line.ts';
import { createLinePrinter } from '../../lib/local/log/printer.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { action } from './console/kit.ts';

const TIME = '2026-11-20T10:00:00.000Z';
const DEFECT = { time: TIME, requestId: 'r', defect: 'TypeError', code: null, frames: ['at x'], cause: null };
const NOTICE = { time: TIME, requestId: null, notice: 'list-changed', upstream: 'time', added: ['a'], reason: null };

describe('a line of the log', () => {
  test('is read for what it is', () => {
    const more = { ...action(), more: [[[[]]]] };
    expect(readLogLine(JSON.stringify(more))).toEqual({ kind: 'action', line: action() });
    expect(readLogLine(JSON.stringify(NOTICE))).toEqual({ kind: 'notice', line: NOTICE });
    const caused = { ...DEFECT, cause: { defect: 'Error', code: 'ECONNRESET', frames: [], cause: { cause: null } } };
    for (const line of [DEFECT, caused]) expect(readLogLine(JSON.stringify(line))).toEqual({ kind: 'defect', line });
  });

  test.for([
    { time: 'x', defect: 'E' },
    { time: 'x', notice: 'n', a: 5 },
    { ...DEFECT, frames: 'at x' },
    { ...DEFECT, frames: [1] },
    { ...DEFECT, requestId: null },
    { ...DEFECT, cause: { defect: 'E' } },
    { ...DEFECT, cause: 'E' },
    { ...DEFECT, time: 'yesterday or so' },
    { ...NOTICE, a: 5 },
    { ...NOTICE, a: [5] },
    { ...NOTICE, a: {} },
    { ...NOTICE, requestId: 5 },
    { ...NOTICE, requestId: undefined },
    { time: TIME, outcome: 'ok' },
    { ...action(), totalMs: '12' },
    { ...action(), time: 'x' },
    { ...action(), tool: 5 },
    { ...action(), environment: null },
    [DEFECT],
  ])('that only looks like one is none, and harms nobody: %j', (looksSo) => {
    const text = JSON.stringify(looksSo);
    expect(readLogLine(text)).toBeUndefined();
    const console = new Console({ clock: createManualClock(), upstreams: [] });
    console.hearLine(text);
    expect(console.snapshot()).toMatchObject({ actions: [], notices: [] });
    const written: string[] = [];
    createLinePrinter({ format: 'pretty', colour: false }, (line) => written.push(line))(text);
    expect(written).toEqual([text]);
  });
});
