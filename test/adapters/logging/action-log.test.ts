import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createActionLog, type ActionLogFormat } from '../../../lib/adapters/logging/action-log.ts';
import type { DefectLine } from '../../../lib/adapters/logging/defect.ts';
import { createLineWriter } from '../../../lib/adapters/logging/line-writer.ts';
import type { Notice } from '../../../lib/ports/action-log.ts';
import { actionOf } from '../../support/action.ts';

const ACTION = actionOf({
  time: Date.UTC(2026, 10, 20, 12, 3, 4, 567),
  environment: 'env-2',
  cold: true,
  totalMs: 12.345,
  gatewayMs: 1.2,
  upstreamMs: 11.145,
});

function open(format: ActionLogFormat, colour = false) {
  const lines: string[] = [];
  return { lines, log: createActionLog({ format, colour, write: (line) => lines.push(line) }) };
}

describe('the action log', () => {
  test('writes one JSON object per action, with every field', () => {
    const { lines, log } = open('json');
    log.write(ACTION);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toEqual({ ...ACTION, time: '2026-11-20T12:03:04.567Z' });
    expect(Object.keys(JSON.parse(lines[0]!))).toEqual(Object.keys(ACTION));
  });

  test('writes one readable line per action for people', () => {
    const { lines, log } = open('pretty');
    log.write(ACTION);
    expect(lines).toHaveLength(1);
    for (const part of ['12:03:04.567', 'ok', '12.3 ms', 'tools/call', 'time__convert', 'env-2 (cold)']) {
      expect(lines[0]).toContain(part);
    }
    expect(lines[0]).not.toContain('\u001B');
  });

  test('colours lines for people only when asked', () => {
    const { lines, log } = open('pretty', true);
    log.write({ ...ACTION, outcome: 'error' });
    expect(lines[0]).toContain('\u001B[31merror');
  });

  test('aligns lines for people, coloured or not', () => {
    const { lines, log } = open('pretty');
    log.write(ACTION);
    log.write({ ...ACTION, outcome: 'input-required', totalMs: 54_321.1, upstream: null });
    expect(lines[1]!.indexOf('tools/call')).toBe(lines[0]!.indexOf('tools/call'));
    expect(lines[1]!.indexOf('time__convert')).toBe(lines[0]!.indexOf('time__convert'));
  });

  test('lets no name of a client draw on a terminal', () => {
    const { lines, log } = open('pretty');
    log.write({ ...ACTION, tool: 'a\nb\u001B[2J\u202E', method: 'x\r\u009B' });
    expect(lines[0]).not.toMatch(/[\n\r\u001B\u009B\u202E]/);
  });

  test('writes nothing but errors and defects when only those are wanted', () => {
    const { lines, log } = open('errors');
    for (const outcome of ['ok', 'tool-error', 'refused', 'cancelled', 'input-required', 'error'] as const) {
      log.write({ ...ACTION, outcome });
    }
    log.defect('request-2', new TypeError('x'));
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ outcome: 'error' }),
      expect.objectContaining({ defect: 'TypeError' }),
    ]);
  });

  test.for(['json', 'pretty', 'errors'] as const)(
    'tells kind, code and place of a defect, never its message (%s)',
    (format) => {
      const { lines, log } = open(format);
      const cause = Object.assign(new Error('connect to secret.example'), { code: 'ECONNREFUSED' });
      log.defect('request-3', new RangeError('argument 12345', { cause }));
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/RangeError.*ECONNREFUSED/);
      expect(lines[0]).toContain('request-3');
      expect(lines[0]).toContain('action-log.test.ts');
      expect(lines[0]).not.toMatch(/secret|12345/);
    },
  );

  test('takes anything that was thrown, and causes that go round in a circle', () => {
    const { lines, log } = open('json');
    const error = new Error('round');
    error.cause = error;
    log.defect('request-4', error);
    log.defect('request-5', 'just text');
    log.defect('request-6', undefined);
    expect(lines.map((line) => (JSON.parse(line) as DefectLine).defect)).toEqual(['Error', 'string', 'undefined']);
  });
});

const NOTICES: readonly Notice[] = [
  { kind: 'upstream-unavailable', upstream: 'time', member: 'tools', reason: 'unreachable' },
  {
    kind: 'list-changed',
    upstream: 'time',
    member: 'tools',
    added: ['convert', 'now'],
    changed: [],
    removed: ['today'],
  },
  { kind: 'claim-lost', server: 'default', upstream: 'time', owner: 'clock', name: 'clock://now' },
  { kind: 'name-too-long', server: 'default', upstream: 'time', name: 'time__convert' },
  { kind: 'tool-held', upstream: 'time', tool: 'convert' },
  { kind: 'outcome-unknown', upstream: 'time' },
];

describe('a notice', () => {
  test.for(NOTICES)('of $kind is one JSON object that is neither an action nor a defect', (notice) => {
    const { lines, log } = open('json');
    const { kind, ...details } = notice;
    log.notice('request-7', notice);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      requestId: 'request-7',
      notice: kind,
      ...details,
    });
  });

  test.for(NOTICES)('of $kind is one readable line for people, with everything in it', (notice) => {
    const { lines, log } = open('pretty');
    log.notice('request-7', notice);
    expect(lines).toHaveLength(1);
    for (const part of [...Object.values(notice).flat(), 'request-7']) expect(lines[0]).toContain(part);
    expect(lines[0]).not.toContain('\u001B');
  });

  test('for people leaves out what is empty', () => {
    const { lines, log } = open('pretty');
    log.notice('request-7', NOTICES[1]!);
    expect(lines[0]).toContain('member tools, added convert now, removed today');
  });

  test('is coloured only when asked', () => {
    const { lines, log } = open('pretty', true);
    log.notice('request-7', NOTICES[4]!);
    expect(lines[0]).toContain('\u001B[33mtool-held');
  });

  test('is shown among errors when it is of trouble, and a changed list is none', () => {
    const { lines, log } = open('errors');
    for (const notice of NOTICES) log.notice('request-7', notice);
    expect(lines.map((line) => (JSON.parse(line) as { notice: string }).notice)).toEqual([
      'upstream-unavailable',
      'claim-lost',
      'name-too-long',
      'tool-held',
      'outcome-unknown',
    ]);
  });

  test.for(['json', 'pretty', 'errors'] as const)('lets no name of an upstream draw or fill a disk (%s)', (format) => {
    const { lines, log } = open(format);
    const name = `a\nb\u001B[2J\u202E\u2028é"\\${'x'.repeat(100_000)}`;
    log.notice('request-7', { kind: 'tool-held', upstream: name, tool: name });
    log.notice('request-7', { kind: 'upstream-unavailable', upstream: 'time', member: 'tools', reason: name });
    const names = Array.from({ length: 1000 }, () => name);
    log.notice('request-7', {
      kind: 'list-changed',
      upstream: 'time',
      member: 'tools',
      added: names,
      changed: names,
      removed: names,
    });
    expect(lines).toHaveLength(format === 'errors' ? 2 : 3);
    for (const line of lines) {
      expect(line).toMatch(/^[\x20-\x7e]*$/);
      expect(line.length).toBeLessThan(10_000);
      expect(line).toContain('a?b?[2J???');
      expect(line).not.toContain('x'.repeat(128));
    }
  });
});

describe('a line writer', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('has written the line when it returns', () => {
    const file = join(folder, 'log');
    const write = createLineWriter(openSync(file, 'a'));
    write('first');
    expect(readFileSync(file, 'utf8')).toBe('first\n');
    write('zweite 😀');
    expect(readFileSync(file, 'utf8')).toBe('first\nzweite 😀\n');
  });

  test('writes every line whole to a pipe that is full for the moment', async () => {
    const module = new URL('../../../lib/adapters/logging/line-writer.ts', import.meta.url).href;
    // Using the standard output makes its pipe one that does not block, and takes no more once it is full.
    const program = `
      const { createLineWriter } = await import(${JSON.stringify(module)});
      process.stdout.write('begin\\n');
      for (let line = 0; line < 40; line += 1) createLineWriter(1)(String(line).repeat(100_000));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) lines.push(line);
    expect(lines).toEqual(['begin', ...Array.from({ length: 40 }, (_, line) => String(line).repeat(100_000))]);
  });

  test('loses a line that cannot be written, and goes on', () => {
    const fd = openSync(join(folder, 'log'), 'a');
    closeSync(fd);
    expect(() => createLineWriter(fd)('nobody reads this')).not.toThrow();
  });
});
