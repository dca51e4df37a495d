/** The values of secrets: what is read, how often, and what becomes of one that cannot be had. */
import { describe, expect, test } from 'vitest';
import { secretId } from '../../../lib/adapters/secrets/given.ts';
import { SecretError, type ReadSecret } from '../../../lib/adapters/secrets/secret.ts';
import { Secrets } from '../../../lib/adapters/secrets/secrets.ts';
import type { SecretReference } from '../../../lib/ports.ts';
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
    throw value ?? new SecretError('ResourceNotFoundException');
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

  test('is asked for again by the next request', async () => {
    const { fill, stored } = open({});
    expect(await fill({ 'x-key': TOKEN })).toBeUndefined();
    stored['time-token'] = 'abc';
    expect(await fill({ 'x-key': TOKEN })).toEqual({ 'x-key': 'abc' });
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
