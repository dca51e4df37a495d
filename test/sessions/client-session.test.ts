import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import {
  admitToSession,
  isSessionId,
  newClientSession,
  nextExpiry,
  SESSION_TTL_MS,
} from '../../lib/sessions/client-session.ts';

const NOW = 1_800_000_000_000;
const HOUR = 60 * 60 * 1000;

const session = newClientSession(
  {
    key: 'key',
    server: 'default',
    caller: 'caller',
    protocolVersion: '2025-06-18',
    clientInfo: { name: 'c' },
    clientCapabilities: { roots: {} },
    upstreamSessions: {},
  },
  NOW,
);

describe('a new session', () => {
  test('is made of what it was opened with', () => {
    expect(session).toMatchObject({
      key: 'key',
      server: 'default',
      caller: 'caller',
      protocolVersion: '2025-06-18',
      clientInfo: { name: 'c' },
      clientCapabilities: { roots: {} },
      upstreamSessions: {},
    });
  });

  test('has no log level, and lives for a day', () => {
    expect(session).toMatchObject({ logLevel: undefined, createdAt: NOW, lastSeenAt: NOW, expiresAt: NOW + 24 * HOUR });
  });
});

describe('an id that comes from a client', () => {
  test('is looked up when the gateway can have given it out', () => {
    for (let count = 0; count < 100; count += 1) expect(isSessionId(cryptoIds.random())).toBe(true);
  });

  test.each([
    '',
    'short',
    'a'.repeat(31),
    'a'.repeat(33),
    `${'a'.repeat(31)}=`,
    `${'a'.repeat(31)}+`,
    `${'a'.repeat(31)} `,
    `${'a'.repeat(32)}\n`,
    `${'a'.repeat(31)}é`,
  ])('is not looked up when it is %j', (id) => {
    expect(isSessionId(id)).toBe(false);
  });
});

describe('admission', () => {
  test('is given to the caller who opened the session, on its virtual server, until it expires', () => {
    expect(admitToSession(session, 'caller', 'default', NOW + SESSION_TTL_MS - 1)).toEqual({
      ok: true,
      value: session,
    });
  });

  test.each([
    ['does not exist', undefined, 'caller', 'default', NOW],
    ['has expired this very millisecond', session, 'caller', 'default', NOW + SESSION_TTL_MS],
    ['belongs to another virtual server', session, 'caller', 'other', NOW],
    ['has expired, even for a stranger', session, 'stranger', 'default', NOW + SESSION_TTL_MS],
  ])('is refused as unknown when the session %s', (_why, session, caller, server, now) => {
    expect(admitToSession(session, caller, server, now)).toEqual({ ok: false, failure: { kind: 'session-unknown' } });
  });

  test.each(['stranger', '', 'Caller'])('is refused as foreign to the caller %j', (caller) => {
    const refused = { ok: false, failure: { kind: 'session-foreign' } };
    expect(admitToSession(session, caller, 'default', NOW)).toEqual(refused);
  });
});

describe('the end of a session', () => {
  test('need not be moved by a use within the hour', () => {
    expect(nextExpiry(session, NOW + HOUR - 1)).toBeUndefined();
  });

  test('is moved to a day after a use that comes an hour later', () => {
    expect(nextExpiry(session, NOW + HOUR)).toBe(NOW + HOUR + SESSION_TTL_MS);
  });

  test('is not moved by a clock that went back', () => {
    expect(nextExpiry(session, NOW - 10 * HOUR)).toBeUndefined();
  });
});
