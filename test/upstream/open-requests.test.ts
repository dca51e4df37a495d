import { describe, expect, test } from 'vitest';
import type { Message } from '../../lib/protocol/message.ts';
import { parseJson, readMessage } from '../../lib/protocol/message.ts';
import { OpenRequests } from '../../lib/upstream/open-requests.ts';
import type { ConnectionLimits } from '../../lib/upstream/streamable-http.ts';
import { LOG, resultOf } from './http-sse-kit.ts';

const LIMITS: ConnectionLimits = {
  signal: new AbortController().signal,
  expiry: () => undefined,
  active: () => {},
};

function messageOf(value: object): Message {
  const text = JSON.stringify(value);
  const message = readMessage(parseJson(text) ?? null, text);
  if (message === undefined) throw new Error(`No message: ${text}`);
  return message;
}

function logOf(characters: number): Message {
  return messageOf({ ...LOG, params: { level: 'info', data: 'x'.repeat(characters) } });
}

/** How many messages the next request gets of those that came before it. */
async function kept(messages: readonly Message[]): Promise<number> {
  const requests = new OpenRequests();
  for (const message of messages) requests.deliver(message);
  const request = requests.begin('"a"', LIMITS);
  requests.deliver(messageOf(resultOf('a')));
  let count = 0;
  while ((await request.next()) !== undefined) count += 1;
  return count - 1;
}

describe('what comes while no request is open', () => {
  test('is kept for the next one, up to a hundred messages', async () => {
    expect(await kept(Array.from({ length: 99 }, () => logOf(1)))).toBe(99);
    expect(await kept(Array.from({ length: 150 }, () => logOf(1)))).toBe(100);
  });

  test('is kept up to a quarter of a million characters, and what is smaller after what is too large', async () => {
    expect(await kept([logOf(100_000), logOf(100_000)])).toBe(2);
    expect(await kept([logOf(100_000), logOf(100_000), logOf(100_000), logOf(10)])).toBe(3);
    expect(await kept([logOf(300_000)])).toBe(0);
  });

  test('counts anew once a request has had it', async () => {
    const requests = new OpenRequests();
    for (const id of ['"a"', '"b"']) {
      requests.deliver(logOf(200_000));
      const request = requests.begin(id, LIMITS);
      expect((await request.next())?.kind).toBe('message');
      requests.deliver(messageOf(resultOf(JSON.parse(id))));
    }
  });
});

describe('room', () => {
  test('is there again once a reader has caught up', async () => {
    const requests = new OpenRequests();
    const request = requests.begin('"a"', LIMITS);
    requests.deliver(logOf(200_000));
    requests.deliver(logOf(200_000));
    let isThere = false;
    const room = requests.room().then(() => (isThere = true));
    await Promise.resolve();
    expect(isThere).toBe(false);
    await request.next();
    await room;
    expect(isThere).toBe(true);
  });

  test('is there once whoever was behind is gone', async () => {
    const requests = new OpenRequests();
    const request = requests.begin('"a"', LIMITS);
    requests.deliver(logOf(300_000));
    const room = requests.room();
    request.fail({ kind: 'upstream-closed' });
    await expect(room).resolves.toBeUndefined();
  });

  test('is there once the stream has ended', async () => {
    const requests = new OpenRequests();
    requests.begin('"a"', LIMITS);
    requests.deliver(logOf(300_000));
    const room = requests.room();
    requests.end({ kind: 'upstream-closed' });
    await expect(room).resolves.toBeUndefined();
    expect(requests.ended).toEqual({ kind: 'upstream-closed' });
  });
});
