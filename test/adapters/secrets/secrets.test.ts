/** The values of secrets: what is read, how often, and what becomes of one that cannot be had. */
import { describe, expect, test } from 'vitest';
import { secretId } from '../../../lib/adapters/secrets/given.ts';
import { SecretError, type ReadSecret } from '../../../lib/adapters/secrets/secret.ts';
import { Secrets } from '../../../lib/adapters/secrets/secrets.ts';
import type { SecretReference } from '../../../lib/ports/transport.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const TOKEN: SecretReference = { secret: 'time-token', store: 'secretsmanager' };
const MINUTE = 60_000;

function open(stored: Record<string, string | Error> = {}, given: Record<string, string> = {}) {
  const clock = createManualClock();
  const reads: string[] = [];
  const reports: string[] = [];
  const read: ReadSecret = async ({ store, secret }) => {
    reads.push(`${store} ${secret}`);
    const value = stored[secret];
    if (typeof value === 'string') return value;
    throw value ?? new SecretError('ResourceNotFoundException', { isAnswer: true });
  };
  const report = (secret: string, reason: string): void => void reports.push(`${secret}: ${reason}`);
  const secrets = new Secrets({ given, read, clock, report });
  const fill = (headers: Record<string, string | SecretReference>) =>
    secrets.fillIn(headers, new AbortController().signal);
  return { clock, reads, reports, secrets, stored, fill };
}

describe('a header', () => {
  test('that is a text stays as it is, and nothing is read', async () => {
    const { fill, reads } = open();
    expect(await fill({ 'x-team': 'search', empty: '' })).toEqual({ 'x-team': 'search', empty: '' });
    expect(reads).toEqual([]);
  });

  test('that is a secret gets its value, behind its prefix', async () => {
    const { fill } = open({ 'time-token': 'abc' });
    expect(await fill({ 'x-key': TOKEN, authorization: { ...TOKEN, prefix: 'Bearer ' } })).toEqual({
      'x-key': 'abc',
      authorization: 'Bearer abc',
    });
  });

  test('that is a member of a secret gets that', async () => {
    const { fill, reads } = open({ 'time-token': '{"user":"u","pass":"p"}' });
    expect(await fill({ a: { ...TOKEN, key: 'user' }, b: { ...TOKEN, key: 'pass' } })).toEqual({ a: 'u', b: 'p' });
    expect(reads).toHaveLength(1);
  });

  test('has no line break that was left at the end of the secret', async () => {
    const { fill } = open({ 'time-token': ' abc\r\n' });
    expect(await fill({ 'x-key': TOKEN })).toEqual({ 'x-key': 'abc' });
  });
});

describe('what was read', () => {
  test('is used for five minutes, and no longer', async () => {
    const { fill, clock, stored, reads } = open({ 'time-token': 'old' });
    await fill({ 'x-key': TOKEN });
    stored['time-token'] = 'new';
    clock.advance(5 * MINUTE - 1);
    expect(await fill({ 'x-key': TOKEN })).toEqual({ 'x-key': 'old' });
    clock.advance(1);
    expect(await fill({ 'x-key': TOKEN })).toEqual({ 'x-key': 'new' });
    expect(reads).toHaveLength(2);
  });

  test('is read again once an upstream has turned it away', async () => {
    const { fill, clock, secrets, stored } = open({ 'time-token': 'old' });
    const headers = { 'x-key': TOKEN, 'x-team': 'search' };
    await fill(headers);
    stored['time-token'] = 'new';
    clock.advance(30_000);
    secrets.doubt(headers);
    expect(await fill(headers)).toMatchObject({ 'x-key': 'new' });
  });

  test('is not read again at once, however often it is turned away', async () => {
    const { fill, clock, secrets, reads } = open({ 'time-token': 'wrong' });
    const headers = { 'x-key': TOKEN };
    for (let turn = 0; turn < 10; turn += 1) {
      await fill(headers);
      secrets.doubt(headers);
      clock.advance(2_999);
    }
    expect(reads).toHaveLength(1);
  });

  test('is told apart by its store', async () => {
    const { fill, reads } = open({ 'time-token': 'abc' });
    await fill({ a: TOKEN, b: { ...TOKEN, store: 'ssm' } });
    expect(reads).toEqual(['secretsmanager time-token', 'ssm time-token']);
  });
});

describe('a secret that cannot be had', () => {
  test.each([
    ['is not there', {}, TOKEN, 'ResourceNotFoundException'],
    ['is empty', { 'time-token': ' \n' }, TOKEN, 'it is empty, or has characters that no header can carry'],
    ['has a line break in it', { 'time-token': 'a\nb' }, TOKEN, /characters that no header/],
    [
      'is no JSON',
      { 'time-token': 'hunter2' },
      { ...TOKEN, key: 'user' },
      /^it is no JSON object with the text "user"/,
    ],
    ['has no such member', { 'time-token': '{"a":"hunter2"}' }, { ...TOKEN, key: 'toString' }, /the text "toString"/],
    ['has a member that is no text', { 'time-token': '{"a":7}' }, { ...TOKEN, key: 'a' }, /the text "a"/],
  ])('because it %s is reported, without what is in it', async (_why, stored, reference, reason) => {
    const { fill, reports } = open(stored);
    expect(await fill({ 'x-key': reference })).toBeUndefined();
    expect(reports).toHaveLength(1);
    expect(reports[0]!.replace('time-token: ', '')).toEqual(
      typeof reason === 'string' ? reason : expect.stringMatching(reason),
    );
    expect(reports[0]).not.toContain('hunter2');
  });

  test('is asked for again after five seconds, and not before', async () => {
    const { fill, stored, clock, reads } = open({});
    for (let turn = 0; turn < 3; turn += 1) expect(await fill({ 'x-key': TOKEN })).toBeUndefined();
    expect(reads).toHaveLength(1);
    stored['time-token'] = 'abc';
    clock.advance(5000);
    expect(await fill({ 'x-key': TOKEN })).toEqual({ 'x-key': 'abc' });
  });

  test('because its store gives no answer is what it was before, and asked for again after half a minute', async () => {
    const { fill, stored, clock, reads, reports } = open({ 'time-token': 'old' });
    await fill({ 'x-key': TOKEN });
    stored['time-token'] = new SecretError('ThrottlingException', { isAnswer: false });
    clock.advance(5 * MINUTE);
    for (let turn = 0; turn < 3; turn += 1) expect(await fill({ 'x-key': TOKEN })).toEqual({ 'x-key': 'old' });
    expect(reads).toHaveLength(2);
    expect(reports).toEqual(['time-token: ThrottlingException']);
    stored['time-token'] = 'new';
    clock.advance(30_000);
    expect(await fill({ 'x-key': TOKEN })).toEqual({ 'x-key': 'new' });
  });

  test('because its store says no is not what it was before', async () => {
    const { fill, stored, clock } = open({ 'time-token': 'old' });
    await fill({ 'x-key': TOKEN });
    delete stored['time-token'];
    clock.advance(5 * MINUTE);
    expect(await fill({ 'x-key': TOKEN })).toBeUndefined();
  });

  test('because of a defect is not taken for one that is missing', async () => {
    const { fill } = open({ 'time-token': new TypeError('a defect') });
    await expect(fill({ 'x-key': TOKEN })).rejects.toThrow('a defect');
  });
});

describe('a secret that was given', () => {
  test('is not read, and is the member itself', async () => {
    const reference = { ...TOKEN, key: 'user', prefix: 'Basic ' };
    const { fill, reads } = open({}, { [secretId(reference)]: 'abc' });
    expect(await fill({ authorization: reference })).toEqual({ authorization: 'Basic abc' });
    expect(reads).toEqual([]);
  });

  test('is not that of another member, name or store', async () => {
    const { fill, reads } = open({}, { [secretId(TOKEN)]: 'abc' });
    for (const other of [{ ...TOKEN, key: 'a' }, { ...TOKEN, secret: 'b' }, { ...TOKEN, store: 'ssm' } as const]) {
      expect(await fill({ 'x-key': other })).toBeUndefined();
    }
    expect(reads).toHaveLength(3);
  });
});

describe('requests at the same time', () => {
  function openSlow() {
    const waiting: { resolve: (text: string) => void; signal: AbortSignal }[] = [];
    const read: ReadSecret = (_stored, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      signal.addEventListener('abort', () => reject(new SecretError('AbortError', { isAnswer: false })), {
        once: true,
      });
      waiting.push({ resolve, signal });
      return promise;
    };
    const reports: string[] = [];
    const report = (secret: string): void => void reports.push(secret);
    const secrets = new Secrets({ given: {}, read, clock: createManualClock(), report });
    return { waiting, secrets, reports };
  }

  test('wait for one reading', async () => {
    const { waiting, secrets } = openSlow();
    const signals = Array.from({ length: 5 }, () => new AbortController().signal);
    const filled = Promise.all(signals.map((signal) => secrets.fillIn({ 'x-key': TOKEN }, signal)));
    expect(waiting).toHaveLength(1);
    waiting[0]!.resolve('abc');
    expect(await filled).toEqual(signals.map(() => ({ 'x-key': 'abc' })));
  });

  test('do not lose it because one of them ends', async () => {
    const { waiting, secrets, reports } = openSlow();
    const leaving = new AbortController();
    const first = secrets.fillIn({ 'x-key': TOKEN }, leaving.signal);
    const second = secrets.fillIn({ 'x-key': TOKEN }, new AbortController().signal);
    leaving.abort();
    expect(await first).toBeUndefined();
    expect(waiting[0]!.signal.aborted).toBe(false);
    waiting[0]!.resolve('abc');
    expect(await second).toEqual({ 'x-key': 'abc' });
    expect(reports).toEqual([]);
  });

  test('that have all ended leave no reading behind, and the next one begins another', async () => {
    const { waiting, secrets, reports } = openSlow();
    const leaving = new AbortController();
    const first = secrets.fillIn({ 'x-key': TOKEN }, leaving.signal);
    leaving.abort();
    expect(await first).toBeUndefined();
    expect(waiting[0]!.signal.aborted).toBe(true);
    const next = secrets.fillIn({ 'x-key': TOKEN }, new AbortController().signal);
    expect(waiting).toHaveLength(2);
    waiting[1]!.resolve('abc');
    expect(await next).toEqual({ 'x-key': 'abc' });
    expect(reports).toEqual([]);
  });
});
