/** What is written around an execution, in the frame of Powertools and over the stores as they are. */
import { spawnSync } from 'node:child_process';
import { describe, expect, onTestFinished, test } from 'vitest';
import { executeOnce } from '../../../lib/adapters/powertools/execute-once.ts';
import type { IdempotencyStore, KeyedExecution, KeyedOutcome } from '../../../lib/ports/idempotency.ts';
import { StoreError } from '../../../lib/ports/stores.ts';
import { RACERS, startEnvironments } from '../../contract/environments.ts';
import { legs } from '../../contract/legs.ts';
import { freshKey, randomJson } from '../../contract/samples.ts';

const NOW = 1_780_000_000_000;
const CALL_MS = 55_000;
const TTL_MS = 86_400_000;
const DONE: KeyedOutcome = { kind: 'done', text: '{"answer":"\ud800"}' };

describe.each(legs)('over $name', (leg) => {
  const { environment } = startEnvironments(leg);
  const store = (): IdempotencyStore => environment().idempotency;

  /** An execution under a key of its own, that says how often it was executed and what could not be written. */
  function newExecution(outcome: KeyedOutcome | Error, changes: Partial<KeyedExecution> = {}) {
    const executed: string[] = [];
    const unwritten: unknown[] = [];
    const owner = freshKey();
    const execution: KeyedExecution = {
      store: store(),
      key: freshKey(),
      claim: { owner, digest: 'digest', deadlineAt: NOW + CALL_MS, expiresAt: NOW + CALL_MS + TTL_MS },
      overtakes: undefined,
      now: NOW,
      expiresAt: () => NOW + 500 + TTL_MS,
      execute: async () => {
        executed.push(owner);
        if (outcome instanceof Error) throw outcome;
        return outcome;
      },
      onUnwritten: (error) => void unwritten.push(error),
      ...changes,
    };
    const read = (now = NOW + 1000) => store().read(execution.key, now);
    return { execution, owner, executed, unwritten, read, run: () => executeOnce(execution) };
  }

  test('who comes first executes, while the record says so', async () => {
    const during: unknown[] = [];
    const { execution, owner, read } = newExecution(DONE);
    const result = await executeOnce({
      ...execution,
      execute: async () => {
        during.push(await read());
        return DONE;
      },
    });
    expect(result).toEqual({ kind: 'executed' });
    expect(during).toEqual([{ owner, digest: 'digest', state: { kind: 'in-progress', deadlineAt: NOW + CALL_MS } }]);
  });

  test('an outcome is kept as it is, for as long as it is to be', async () => {
    const { owner, read, run, unwritten } = newExecution(DONE);
    await run();
    expect(await read()).toEqual({ owner, digest: 'digest', state: DONE });
    expect(await read(NOW + 499 + TTL_MS)).toMatchObject({ state: DONE });
    expect(await read(NOW + 500 + TTL_MS)).toBeUndefined();
    expect(unwritten).toEqual([]);
  });

  test('an outcome that is too large to be kept is done all the same', async () => {
    const text = randomJson(800_000);
    const { executed, read, run, unwritten } = newExecution({ kind: 'done', text });
    expect(await run()).toEqual({ kind: 'executed' });
    expect(await read()).toMatchObject({ state: { kind: 'done', text: undefined } });
    expect([executed.length, unwritten]).toEqual([1, []]);
  });

  test('a call that cannot have run is forgotten', async () => {
    const { executed, read, run } = newExecution({ kind: 'not-run' });
    expect(await run()).toEqual({ kind: 'executed' });
    expect(await read()).toBeUndefined();
    expect(executed).toHaveLength(1);
  });

  test('a call that may have run stays unknown, for as long as an outcome would be kept', async () => {
    const { owner, read, run } = newExecution({ kind: 'unknown' });
    expect(await run()).toEqual({ kind: 'executed' });
    expect(await read()).toEqual({ owner, digest: 'digest', state: { kind: 'unknown' } });
    expect(await read(NOW + 499 + TTL_MS)).toMatchObject({ state: { kind: 'unknown' } });
  });

  test.each([
    new Error('a defect'),
    Object.assign(new Error('as the frame itself would throw'), { name: 'IdempotencyInconsistentStateError' }),
    new StoreError('catalog.read', 'down', undefined),
  ])('an exception in a call leaves it unknown, and is passed on: %s', async (error) => {
    const { executed, read, run } = newExecution(error);
    await expect(run()).rejects.toBe(error);
    expect(await read()).toMatchObject({ state: { kind: 'unknown' } });
    expect(executed).toHaveLength(1);
  });

  test.each([
    ['in progress', undefined],
    ['done', DONE],
    ['unknown', { kind: 'unknown' } as const],
  ])('nothing is executed where the key is taken by a call that is %s', async (_what, outcome) => {
    const first = newExecution(DONE);
    const { key, claim } = first.execution;
    await store().begin(key, claim, NOW);
    if (outcome?.kind === 'done') await store().complete(key, claim.owner, outcome.text, NOW + TTL_MS);
    if (outcome?.kind === 'unknown') await store().leaveUnknown(key, claim.owner, NOW + TTL_MS);
    const inPlace = await first.read();
    const second = newExecution(DONE, { key });
    expect(await second.run()).toEqual({ kind: 'exists', record: inPlace });
    expect(second.executed).toEqual([]);
    expect(await first.read()).toEqual(inPlace);
  });

  test('nothing is executed where the call is past its deadline: it is unknown, not free', async () => {
    const { execution, run, executed, read } = newExecution(DONE);
    await store().begin(execution.key, { ...execution.claim, owner: 'killed', deadlineAt: NOW - 1 }, NOW - CALL_MS);
    expect(await run()).toMatchObject({ kind: 'exists', record: { owner: 'killed' } });
    expect(executed).toEqual([]);
    expect(await read()).toMatchObject({ owner: 'killed' });
  });

  test('one executes of all that come together, and each of the others learns of it', async () => {
    const key = freshKey();
    const racers = Array.from({ length: RACERS }, () => newExecution(DONE, { key }));
    const results = await Promise.all(racers.map(({ run }) => run()));
    const winners = racers.filter(({ executed }) => executed.length > 0);
    expect(winners.map(({ executed }) => executed)).toEqual([[winners[0]?.owner]]);
    const others = results.filter((result) => result.kind === 'exists');
    expect(others).toHaveLength(RACERS - 1);
    for (const { record } of others) expect(record?.owner).toBe(winners[0]?.owner);
  });

  describe('a call of unknown outcome that may be sent again', () => {
    async function newUnknown(outcome: KeyedOutcome = DONE) {
      const first = newExecution(DONE);
      await store().begin(first.execution.key, first.execution.claim, NOW);
      await store().leaveUnknown(first.execution.key, first.owner, NOW + TTL_MS);
      const over = (changes: Partial<KeyedExecution> = {}) =>
        newExecution(outcome, { key: first.execution.key, overtakes: first.owner, ...changes });
      return { first, over };
    }

    test('is executed in its place', async () => {
      const { first, over } = await newUnknown();
      const { run, executed, owner, read } = over();
      expect(await run()).toEqual({ kind: 'executed' });
      expect(executed).toHaveLength(1);
      expect(await read()).toMatchObject({ owner, state: DONE });
      expect(await store().complete(first.execution.key, first.owner, '"late"', NOW + TTL_MS)).toBe(false);
    });

    test('is executed by one of all that come together, and the others learn of that one', async () => {
      const { over } = await newUnknown();
      const racers = Array.from({ length: RACERS }, () => over());
      const results = await Promise.all(racers.map(({ run }) => run()));
      const winners = racers.filter(({ executed }) => executed.length > 0);
      expect(winners).toHaveLength(1);
      for (const result of results.filter(({ kind }) => kind === 'exists')) {
        expect(result).toMatchObject({ record: { owner: winners[0]?.owner } });
      }
    });

    test('is not executed once its owner has said after all how it ended', async () => {
      const { first, over } = await newUnknown();
      await store().complete(first.execution.key, first.owner, '"late"', NOW + TTL_MS);
      const { run, executed } = over();
      expect(await run()).toMatchObject({ kind: 'exists', record: { owner: first.owner, state: { text: '"late"' } } });
      expect(executed).toEqual([]);
    });

    test('is not executed over a record that has gone meanwhile', async () => {
      const { first, over } = await newUnknown();
      await store().release(first.execution.key, first.owner);
      const { run, executed, read } = over();
      expect(await run()).toEqual({ kind: 'exists', record: undefined });
      expect([executed, await read()]).toEqual([[], undefined]);
    });

    test('keeps the outcome of the one that was overtaken from being written', async () => {
      const late = newExecution(DONE);
      const { key } = late.execution;
      const overtaker = newExecution({ kind: 'done', text: '"second"' }, { key, overtakes: late.owner });
      const result = await executeOnce({
        ...late.execution,
        execute: async () => {
          await executeOnce({ ...overtaker.execution, now: NOW + CALL_MS });
          return DONE;
        },
      });
      expect(result).toEqual({ kind: 'executed' });
      expect(await late.read()).toMatchObject({ owner: overtaker.owner, state: { text: '"second"' } });
      expect(late.unwritten).toEqual([]);
    });

    test.each([{ kind: 'not-run' }, { kind: 'unknown' }] as const)(
      'keeps its record when the one that was overtaken ends as %o',
      async (outcome) => {
        const late = newExecution(DONE);
        const overtaker = newExecution(DONE, { key: late.execution.key, overtakes: late.owner });
        await executeOnce({
          ...late.execution,
          execute: async () => {
            await executeOnce({ ...overtaker.execution, now: NOW + CALL_MS });
            return outcome;
          },
        });
        expect(await late.read()).toMatchObject({ owner: overtaker.owner, state: DONE });
      },
    );
  });

  describe('a store that fails', () => {
    const down = new StoreError('idempotency', 'down', undefined);
    const failing = (...methods: readonly (keyof IdempotencyStore)[]): IdempotencyStore => ({
      ...store(),
      ...Object.fromEntries(methods.map((method) => [method, () => Promise.reject(down)])),
    });

    test('before the execution keeps it from happening, and is passed on as it is', async () => {
      const { run, executed, read } = newExecution(DONE, { store: failing('begin') });
      await expect(run()).rejects.toBe(down);
      expect([executed, await read()]).toEqual([[], undefined]);
    });

    test.each(['overtake', 'read'] as const)('in %s keeps it from happening over another one', async (method) => {
      const { run, executed } = newExecution(DONE, { store: failing(method), overtakes: 'somebody' });
      await expect(run()).rejects.toBe(down);
      expect(executed).toEqual([]);
    });

    test.each([
      ['complete', DONE],
      ['release', { kind: 'not-run' }],
      ['leaveUnknown', { kind: 'unknown' }],
    ] as const)('in %s costs nobody an answer, and leaves the call in progress', async (method, outcome) => {
      const { run, executed, unwritten, read } = newExecution(outcome, { store: failing(method) });
      expect(await run()).toEqual({ kind: 'executed' });
      expect([executed.length, unwritten]).toEqual([1, [down]]);
      expect(await read()).toMatchObject({ state: { kind: 'in-progress', deadlineAt: NOW + CALL_MS } });
    });

    test('after an exception does not hide that', async () => {
      const defect = new Error('a defect');
      const { run, unwritten } = newExecution(defect, { store: failing('leaveUnknown') });
      await expect(run()).rejects.toBe(defect);
      expect(unwritten).toEqual([down]);
    });
  });

  test.each(['true', '1', 'yes', 'on'])('nothing is executed where the frame is switched off by %j', async (value) => {
    process.env['POWERTOOLS_IDEMPOTENCY_DISABLED'] = value;
    onTestFinished(() => void delete process.env['POWERTOOLS_IDEMPOTENCY_DISABLED']);
    const { run, executed, read } = newExecution(DONE);
    await expect(run()).rejects.toThrow('must not be executed without a record');
    expect([executed, await read()]).toEqual([[], undefined]);
  });

  test('nothing is executed where the switch can be read neither way', async () => {
    process.env['POWERTOOLS_IDEMPOTENCY_DISABLED'] = 'perhaps';
    onTestFinished(() => void delete process.env['POWERTOOLS_IDEMPOTENCY_DISABLED']);
    const { run, executed } = newExecution(DONE);
    await expect(run()).rejects.toThrow('POWERTOOLS_IDEMPOTENCY_DISABLED');
    expect(executed).toEqual([]);
  });
});

/** What a process of its own has loaded of Powertools, after it has imported the file and, if it is to, executed. */
function loadedBy(executes: boolean): readonly string[] {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => { if (url.includes('powertools/')) loaded.push(url); return next(url, context); } });
    const { executeOnce } = await import('./lib/adapters/powertools/execute-once.ts');
    if (${executes}) {
      const store = { begin: async () => ({ kind: 'begun' }), complete: async () => true };
      const claim = { owner: 'o', digest: 'd', deadlineAt: 1, expiresAt: 2 };
      await executeOnce({ store, key: 'k', claim, now: 0, expiresAt: () => 3, execute: async () => ({ kind: 'done', text: '1' }) });
    }
    console.log(JSON.stringify(loaded.filter((url) => url.includes('node_modules'))));
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as string[];
}

test('Powertools is loaded by the first execution, and not by the import', () => {
  expect(loadedBy(false)).toEqual([]);
  expect(loadedBy(true).length).toBeGreaterThan(0);
});
