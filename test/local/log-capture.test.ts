import { existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ActionLogFormat } from '../../lib/adapters/logging/action-log.ts';
import { action } from './console/kit.ts';
import { startFixture, temporaryFolder, type Fixture } from './kit.ts';

const ACTION = JSON.stringify(action({ traceId: null, totalMs: 12.5, gatewayMs: 2.5 }));
const NOTICE = '{"time":"2026-11-20T10:00:00.000Z","requestId":null,"notice":"breaker-opened","upstream":"time"}';
const CHANGE =
  '{"time":"2026-11-20T10:00:00.000Z","requestId":null,"notice":"list-changed","upstream":"time","added":[]}';
const DEFECT =
  '{"time":"2026-11-20T10:00:00.000Z","requestId":"r-1","defect":"TypeError","code":null,"frames":[],"cause":null}';
const OTHERS = 'no line of the log';

interface Logging extends Fixture {
  /** What was captured so far. */
  readonly captured: readonly string[];
  written(): string;
  bytes(): Buffer;
  /** Whether the function has written its line; known to whoever does not come to rest, too. */
  isDone(): boolean;
}

async function start(format: ActionLogFormat, isCaptured = true, onGone = () => {}): Promise<Logging> {
  const file = join(await temporaryFolder(), 'log');
  const fd = openSync(file, 'a');
  const captured: string[] = [];
  const fixture = await startFixture({
    fixture: 'log.ts',
    limit: 1,
    onEnvironment: ({ state }) => {
      if (state === 'gone') onGone();
    },
    variables: { SLUICE_LOG_FD: String(fd), LOG_FILE: file },
    ...(isCaptured && { log: { fd, format, colour: false, onLine: (line) => captured.push(line) } }),
  });
  return {
    ...fixture,
    captured,
    written: () => readFileSync(file, 'utf8'),
    bytes: () => readFileSync(file),
    isDone: () => existsSync(`${file}.done`),
  };
}

describe('the log of an environment', () => {
  test('is told line by line, and is written in the form for people by the time that writeSync returns', async () => {
    const { call, captured } = await start('pretty');
    const { text } = await call('/', `${ACTION}\n${NOTICE}\n${DEFECT}\n${OTHERS}\n`);
    expect(text.split('\n')).toEqual([
      expect.stringMatching(/^10:00:00\.000 {2}ok +12\.5 ms {2}tools\/call .*default > time .*now/),
      expect.stringMatching(/^10:00:00\.000 {2}breaker-opened .*upstream time/),
      expect.stringMatching(/^10:00:00\.000 {2}defect .*TypeError/),
      OTHERS,
      '',
    ]);
    expect(captured).toEqual([ACTION, NOTICE, DEFECT, OTHERS]);
  });

  test('is told whole where only errors are written', async () => {
    const failed = ACTION.replace('"ok"', '"error"');
    const { call, captured } = await start('errors');
    const lines = [ACTION, failed, NOTICE, CHANGE, DEFECT];
    const { text } = await call('/', lines.map((line) => `${line}\n`).join(''));
    expect(text).toBe(`${failed}\n${NOTICE}\n${DEFECT}\n`);
    expect(captured).toEqual(lines);
  });

  test('stays as it is in JSON', async () => {
    const { call, captured } = await start('json');
    expect((await call('/', `${ACTION}\n`)).text).toBe(`${ACTION}\n`);
    expect(captured).toEqual([ACTION]);
  });

  test('may come in pieces, within a character too', async () => {
    const line = ACTION.replace('now', 'zeit für ✨');
    const { call, captured } = await start('json');
    expect((await call('/in-pieces', `${line}\n`)).text).toBe(`${line}\n`);
    expect(captured).toEqual([line]);
  });

  test('has its last line, written and told, when the environment is killed right after it', async () => {
    const { call, take, emulator, captured, written } = await start('pretty');
    const calling = call('/and-stand-still', `${ACTION}\n`);
    await take('written');
    const before = written();
    await emulator.kill('env-1');
    await calling;
    expect(before).toMatch(/tools\/call.*\n$/);
    expect(written()).toBe(before);
    expect(captured).toEqual([ACTION]);
  });

  test('and the answer are whole when the environment is killed before they have been heard', async () => {
    const { call, take, open, emulator, captured, isDone } = await start('json');
    const calling = call('/answer-first', `${ACTION}\n`);
    open(await take('answering'));
    // Nothing is heard while this thread does not come to rest.
    while (!isDone());
    const killed = emulator.kill('env-1');
    expect(await calling).toMatchObject({ status: 200, text: 'the answer' });
    await killed;
    expect(captured).toEqual([ACTION]);
  });

  test('is told to its end, of an environment that goes on writing while it is killed', async () => {
    let end = (): void => {};
    const { call, take, open, emulator, captured, isDone } = await start('json', true, () => end());
    const calling = call('/when-told', `${ACTION}\n`);
    const told = await take('waiting');
    end = () => {
      open(told);
      while (!isDone());
    };
    await emulator.kill('env-1');
    await calling;
    expect(captured).toEqual([ACTION]);
  });

  test('has in JSON what was written of a line when the environment is killed within it', async () => {
    const { call, take, emulator, captured, written } = await start('json');
    const calling = call('/and-stand-still', `${ACTION}\nthe beginning of`);
    await take('written');
    await emulator.kill('env-1');
    await calling;
    expect(written()).toBe(`${ACTION}\nthe beginning of`);
    expect(captured).toEqual([ACTION]);
  });

  test('has in JSON the very bytes, be they text or not', async () => {
    const { call, bytes } = await start('json');
    await call('/hexadecimal', 'fffe0a');
    expect(bytes().toString('hex')).toBe('fffe0a');
  });

  test.for(['/part', '/text'])('may be given in any way that writeSync takes (%s)', async (way) => {
    for (const format of ['json', 'pretty'] as const) {
      const { call, captured } = await start(format);
      expect((await call(way, `${OTHERS} für ✨\n`)).text).toBe(`${OTHERS} für ✨\n`);
      expect(captured).toEqual([`${OTHERS} für ✨`]);
    }
  });

  test('is broken where a line does not end, rather than held back', async () => {
    const { call, captured } = await start('pretty');
    const held = await call('/', 'x'.repeat(600_000));
    expect(held.text.split('\n').map(({ length }) => length)).toEqual([262_144, 262_144, 0]);
    const whole = await call('/', 'end\n');
    expect(whole.text.split('\n').map(({ length }) => length)).toEqual([262_144, 262_144, 75_715, 0]);
    expect(captured.map(({ length }) => length)).toEqual([262_144, 262_144, 75_715]);
  });

  test('is left alone when nobody wants to be told', async () => {
    const { call, captured } = await start('pretty', false);
    expect((await call('/', `${ACTION}\n`)).text).toBe(`${ACTION}\n`);
    expect(captured).toEqual([]);
  });
});
