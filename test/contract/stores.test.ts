/**
 * What every implementation of the stores must do. Runs on the twin in memory, on DynamoDB as dynalite emulates it, and on
 * dynalite answering refused conditions as DynamoDB does; or on the DynamoDB that SLUICE_TEST_DYNAMODB_ENDPOINT names, and
 * on nothing else.
 */
import { describe, expect, test } from 'vitest';

import type { ClientSession } from '../../lib/ports/client-sessions.ts';
import type { UpstreamSession } from '../../lib/ports/upstream-sessions.ts';
import { HOSTILE, RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { clientSession, freshKey, upstreamSession } from './samples.ts';

describe.each(legs)('stores in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);

  const sessions = () => environment().clientSessions;
  const mailbox = () => environment().mailbox;
  const eras = () => environment().upstreamEras;

  const created = async (changes: Partial<ClientSession> = {}): Promise<ClientSession> => {
    const session = clientSession(changes);
    expect(await sessions().create(session)).toBe(true);
    return session;
  };

  describe('client sessions', () => {
    test('a created session is read as it was', async () => {
      const session = await created({
        clientInfo: { name: 'client', title: 'unpaired \ud800', nested: [{ empty: '', nothing: null, one: 1.5 }] },
        clientCapabilities: JSON.parse('{"__proto__":{"polluted":true},"sampling":{}}'),
        logLevel: 'warning',
        upstreamSessions: { time: upstreamSession(), test: upstreamSession({ id: null }) },
      });
      expect(await sessions().read(session.key)).toEqual(session);
    });

    test('a session that was never created is not found', async () => {
      expect(await sessions().read(freshKey())).toBeUndefined();
    });

    test('a taken key refuses another session and keeps its own', async () => {
      const session = await created();
      expect(await sessions().create({ ...session, caller: 'another' })).toBe(false);
      expect(await sessions().read(session.key)).toEqual(session);
    });

    test('a session that is created twice is refused the second time, even if it is the same', async () => {
      const session = await created();
      expect(await sessions().create(session)).toBe(false);
    });

    test('of many creations with one key exactly one succeeds', async () => {
      const key = freshKey();
      const results = await race((stores, racer) =>
        stores.clientSessions.create(clientSession({ key, caller: `caller-${racer}` })),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await sessions().read(key)).toMatchObject({ caller: `caller-${results.indexOf(true)}` });
    });

    test('what is stored does not change with the object that was given', async () => {
      const session = clientSession({ upstreamSessions: { time: upstreamSession() } });
      const given = structuredClone(session);
      await sessions().create(given);
      vandalize(given);
      expect(await sessions().read(session.key)).toEqual(session);
    });

    test('what is stored does not change with the object that was read', async () => {
      const session = await created({ upstreamSessions: { time: upstreamSession() } });
      vandalize((await sessions().read(session.key))!);
      expect(await sessions().read(session.key)).toEqual(session);
    });

    test.each(HOSTILE)('the key %j is a key like any other', async (word) => {
      const key = `${freshKey()}${word}`;
      const neighbour = await created({ key: `${key}#` });
      const session = await created({ key });
      expect(await sessions().read(key)).toEqual(session);
      expect(await sessions().terminate(key)).toEqual(session);
      expect(await sessions().read(neighbour.key)).toEqual(neighbour);
    });

    test.each(HOSTILE)('%j in every text of a session survives', async (word) => {
      const session = await created({
        server: word,
        caller: word,
        protocolVersion: word,
        logLevel: word,
        clientInfo: { [word]: word },
        clientCapabilities: { [word]: { [word]: [word] } },
      });
      expect(await sessions().read(session.key)).toEqual(session);
    });
  });

  describe('attaching upstream sessions', () => {
    test('the first attachment is in place', async () => {
      const { key } = await created();
      const attachment = upstreamSession({ id: null });
      expect(await sessions().attach(key, 'time', attachment, undefined)).toEqual({ kind: 'attached' });
      expect((await sessions().read(key))?.upstreamSessions).toEqual({ time: attachment });
    });

    test('the second attachment loses and learns the winner', async () => {
      const { key } = await created();
      const winner = upstreamSession();
      await sessions().attach(key, 'time', winner, undefined);
      const outcome = await sessions().attach(key, 'time', upstreamSession(), undefined);
      expect(outcome).toEqual({ kind: 'lost', winner });
      expect((await sessions().read(key))?.upstreamSessions).toEqual({ time: winner });
    });

    test('the same attachment, attached once more, is still attached', async () => {
      const { key } = await created();
      const attachment = upstreamSession();
      await sessions().attach(key, 'time', attachment, undefined);
      expect(await sessions().attach(key, 'time', attachment, undefined)).toEqual({ kind: 'attached' });
      expect((await sessions().read(key))?.upstreamSessions).toEqual({ time: attachment });
    });

    test('of many attachments at once exactly one wins and the others learn which', async () => {
      const { key } = await created();
      const attachments = Array.from({ length: RACERS }, () => upstreamSession());
      const outcomes = await race((stores, racer) =>
        stores.clientSessions.attach(key, 'time', attachments[racer]!, undefined),
      );
      const winners = attachments.filter((_, racer) => outcomes[racer]?.kind === 'attached');
      expect(winners).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome.kind !== 'attached')).toEqual(
        Array.from({ length: RACERS - 1 }, () => ({ kind: 'lost', winner: winners[0] })),
      );
      expect((await sessions().read(key))?.upstreamSessions).toEqual({ time: winners[0] });
    });

    test('attachments to different upstreams at once are all kept', async () => {
      const { key } = await created();
      const attachments = Array.from({ length: RACERS }, () => upstreamSession());
      await race((stores, racer) =>
        stores.clientSessions.attach(key, `upstream-${racer}`, attachments[racer]!, undefined),
      );
      expect((await sessions().read(key))?.upstreamSessions).toEqual(
        Object.fromEntries(attachments.map((attachment, racer) => [`upstream-${racer}`, attachment])),
      );
    });

    test('an attachment replaces the generation that it names', async () => {
      const dead = upstreamSession();
      const { key } = await created({ upstreamSessions: { time: dead, test: upstreamSession() } });
      const next = upstreamSession();
      expect(await sessions().attach(key, 'time', next, dead.generation)).toEqual({ kind: 'attached' });
      expect((await sessions().read(key))?.upstreamSessions).toMatchObject({ time: next });
    });

    test('an attachment that names a generation long replaced loses', async () => {
      const dead = upstreamSession();
      const { key } = await created({ upstreamSessions: { time: dead } });
      const winner = upstreamSession();
      await sessions().attach(key, 'time', winner, dead.generation);
      const outcome = await sessions().attach(key, 'time', upstreamSession(), dead.generation);
      expect(outcome).toEqual({ kind: 'lost', winner });
    });

    test('an attachment that names a generation is in place where nothing was attached', async () => {
      const { key } = await created();
      expect(await sessions().attach(key, 'time', upstreamSession(), 'whatever')).toEqual({ kind: 'attached' });
    });

    test('of many replacements of one generation exactly one wins and the others learn which', async () => {
      const dead = upstreamSession();
      const { key } = await created({ upstreamSessions: { time: dead } });
      const attachments = Array.from({ length: RACERS }, () => upstreamSession());
      const outcomes = await race((stores, racer) =>
        stores.clientSessions.attach(key, 'time', attachments[racer]!, dead.generation),
      );
      const winners = attachments.filter((_, racer) => outcomes[racer]?.kind === 'attached');
      expect(winners).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome.kind !== 'attached')).toEqual(
        Array.from({ length: RACERS - 1 }, () => ({ kind: 'lost', winner: winners[0] })),
      );
    });

    test('nothing is attached to a session that is gone', async () => {
      const { key } = await created();
      await sessions().terminate(key);
      expect(await sessions().attach(key, 'time', upstreamSession(), undefined)).toEqual({ kind: 'gone' });
      expect(await sessions().attach(key, 'time', upstreamSession(), 'whatever')).toEqual({ kind: 'gone' });
      expect(await sessions().read(key)).toBeUndefined();
    });

    test('an attachment that meets a termination is either handed to it or told that the session is gone', async () => {
      for (let round = 0; round < RACERS; round += 1) {
        const { key } = await created();
        const attachment = upstreamSession();
        const attach = () => sessions().attach(key, 'time', attachment, undefined);
        const terminate = () => sessions().terminate(key);
        const [outcome, terminated] =
          round % 2 === 0
            ? await Promise.all([attach(), terminate()])
            : await Promise.all([terminate(), attach()]).then(([first, second]) => [second, first] as const);
        const handed = terminated?.upstreamSessions['time'];
        expect(outcome.kind === 'attached' ? handed : outcome.kind).toEqual(
          outcome.kind === 'attached' ? attachment : 'gone',
        );
        expect(await sessions().read(key)).toBeUndefined();
      }
    });

    test.each(HOSTILE)('an upstream named %j is an upstream like any other', async (name) => {
      const { key } = await created();
      const dead = upstreamSession({ id: name });
      expect((await sessions().read(key))?.upstreamSessions[name]).toBeUndefined();
      expect(await sessions().attach(key, name, dead, undefined)).toEqual({ kind: 'attached' });
      expect((await sessions().read(key))?.upstreamSessions[name]).toEqual(dead);
      const next = upstreamSession();
      expect(await sessions().attach(key, name, next, undefined)).toEqual({ kind: 'lost', winner: dead });
      expect(await sessions().attach(key, name, next, dead.generation)).toEqual({ kind: 'attached' });
      const terminated = await sessions().terminate(key);
      expect(Object.entries(terminated!.upstreamSessions)).toEqual([[name, next]]);
    });
  });

  describe('changing client sessions', () => {
    test('a log level is kept beside everything else', async () => {
      const session = await created();
      expect(await sessions().setLogLevel(session.key, 'debug')).toBe(true);
      expect(await sessions().read(session.key)).toEqual({ ...session, logLevel: 'debug' });
    });

    test('a log level does not bring back a session that is gone', async () => {
      const { key } = await created();
      await sessions().terminate(key);
      expect(await sessions().setLogLevel(key, 'debug')).toBe(false);
      expect(await sessions().read(key)).toBeUndefined();
    });

    test('an upstream session is doubted until it is not, beside everything else', async () => {
      const attachment = upstreamSession();
      const other = upstreamSession();
      const session = await created({ upstreamSessions: { time: attachment, test: other } });
      await sessions().setDoubt(session.key, 'time', attachment.generation, true);
      expect(await sessions().read(session.key)).toEqual({
        ...session,
        upstreamSessions: { time: { ...attachment, doubted: true }, test: other },
      });
      await sessions().setDoubt(session.key, 'time', attachment.generation, false);
      expect(await sessions().read(session.key)).toEqual(session);
    });

    test('doubt that is set or cleared twice is the same', async () => {
      const attachment = upstreamSession();
      const { key } = await created({ upstreamSessions: { time: attachment } });
      await sessions().setDoubt(key, 'time', attachment.generation, false);
      expect((await sessions().read(key))?.upstreamSessions['time']).toStrictEqual(attachment);
      await sessions().setDoubt(key, 'time', attachment.generation, true);
      await sessions().setDoubt(key, 'time', attachment.generation, true);
      expect((await sessions().read(key))?.upstreamSessions['time']).toStrictEqual({ ...attachment, doubted: true });
    });

    test('a replacement is not doubted for what it replaced', async () => {
      const dead = upstreamSession();
      const { key } = await created({ upstreamSessions: { time: dead } });
      await sessions().setDoubt(key, 'time', dead.generation, true);
      const next = upstreamSession();
      await sessions().attach(key, 'time', next, dead.generation);
      await sessions().setDoubt(key, 'time', dead.generation, true);
      expect((await sessions().read(key))?.upstreamSessions['time']).toStrictEqual(next);
    });

    test('doubt brings nothing back, and makes nothing of what is not attached', async () => {
      const { key } = await created();
      await sessions().setDoubt(key, 'time', 'whatever', true);
      expect((await sessions().read(key))?.upstreamSessions).toEqual({});
      await sessions().terminate(key);
      await sessions().setDoubt(key, 'time', 'whatever', true);
      expect(await sessions().read(key)).toBeUndefined();
    });

    test('a touch moves the expiry', async () => {
      const session = await created({ lastSeenAt: 1000, expiresAt: 5000 });
      expect(await sessions().touch(session.key, 2000, 6000)).toBe(true);
      expect(await sessions().read(session.key)).toEqual({ ...session, lastSeenAt: 2000, expiresAt: 6000 });
    });

    test('a touch that comes late moves nothing back', async () => {
      const session = await created({ lastSeenAt: 1000, expiresAt: 5000 });
      expect(await sessions().touch(session.key, 500, 4500)).toBe(true);
      expect(await sessions().read(session.key)).toEqual(session);
    });

    test('of many touches at once the one with the latest expiry stays', async () => {
      const session = await created({ lastSeenAt: 1000, expiresAt: 5000 });
      const order = Array.from({ length: RACERS }, (_, racer) => (racer * 7) % RACERS);
      await race((stores, racer) =>
        stores.clientSessions.touch(session.key, 2000 + order[racer]!, 6000 + order[racer]!),
      );
      const last = RACERS - 1;
      expect(await sessions().read(session.key)).toMatchObject({ lastSeenAt: 2000 + last, expiresAt: 6000 + last });
    });

    test('a touch does not bring back a session that is gone', async () => {
      const { key } = await created();
      await sessions().terminate(key);
      expect(await sessions().touch(key, 2000, Number.MAX_SAFE_INTEGER)).toBe(false);
      expect(await sessions().read(key)).toBeUndefined();
    });

    test('an expired session is still read, so that the reader can judge', async () => {
      const session = await created({ expiresAt: 1 });
      expect(await sessions().read(session.key)).toEqual(session);
    });
  });

  describe('terminating client sessions', () => {
    test('a terminated session is returned as it was last', async () => {
      const session = await created({ logLevel: 'info' });
      const attachment = upstreamSession();
      await sessions().attach(session.key, 'time', attachment, undefined);
      expect(await sessions().terminate(session.key)).toEqual({ ...session, upstreamSessions: { time: attachment } });
      expect(await sessions().read(session.key)).toBeUndefined();
    });

    test('of many terminations at once exactly one gets the session', async () => {
      const session = await created();
      const terminated = await race((stores) => stores.clientSessions.terminate(session.key));
      expect(terminated.filter((one) => one !== undefined)).toEqual([session]);
    });

    test('a session that never was is terminated by nobody', async () => {
      expect(await sessions().terminate(freshKey())).toBeUndefined();
    });

    test('the key of a terminated session is free', async () => {
      const session = await created();
      await sessions().terminate(session.key);
      expect(await sessions().create(session)).toBe(true);
    });
  });

  describe('the mailbox', () => {
    test('a cancellation is found until it is cleared', async () => {
      const session = freshKey();
      const cancellation = { reason: 'unpaired \udc00 and 🦉', leftAt: 1234 };
      await mailbox().leaveCancellation(session, 'call', cancellation, 9999);
      expect(await mailbox().peekCancellation(session, 'call')).toEqual(cancellation);
      expect(await mailbox().peekCancellation(session, 'call')).toEqual(cancellation);
      await mailbox().clearCancellation(session, 'call');
      expect(await mailbox().peekCancellation(session, 'call')).toBeUndefined();
    });

    test.each([undefined, '', 'null'])('the reason %j is kept', async (reason) => {
      const session = freshKey();
      await mailbox().leaveCancellation(session, 'call', { reason, leftAt: 1 }, 9999);
      expect(await mailbox().peekCancellation(session, 'call')).toEqual({ reason, leftAt: 1 });
    });

    test('clearing what nobody left does nothing', async () => {
      await expect(mailbox().clearCancellation(freshKey(), 'call')).resolves.toBeUndefined();
    });

    test('a cancellation does not show in another session, in another call, or as a session', async () => {
      const session = freshKey();
      await mailbox().leaveCancellation(session, 'call', { reason: undefined, leftAt: 1 }, 9999);
      expect(await mailbox().peekCancellation(freshKey(), 'call')).toBeUndefined();
      expect(await mailbox().peekCancellation(session, 'another')).toBeUndefined();
      expect(await sessions().read(session)).toBeUndefined();
    });

    test('a cancellation outlives a termination of its session, and the session a clearing', async () => {
      const session = await created();
      await mailbox().leaveCancellation(session.key, 'call', { reason: undefined, leftAt: 1 }, 9999);
      await mailbox().clearCancellation(session.key, 'session');
      expect(await sessions().terminate(session.key)).toEqual(session);
      expect(await mailbox().peekCancellation(session.key, 'call')).toEqual({ reason: undefined, leftAt: 1 });
    });

    test.each(HOSTILE)('session and call are told apart around %j', async (word) => {
      const session = freshKey();
      await mailbox().leaveCancellation(`${session}${word}a`, 'b', { reason: 'first', leftAt: 1 }, 9999);
      await mailbox().leaveCancellation(session, `${word}ab`, { reason: 'second', leftAt: 2 }, 9999);
      expect(await mailbox().peekCancellation(`${session}${word}a`, 'b')).toMatchObject({ reason: 'first' });
      expect(await mailbox().peekCancellation(session, `${word}ab`)).toMatchObject({ reason: 'second' });
    });
  });

  describe('upstream eras', () => {
    test('nothing is known of an upstream that was never probed', async () => {
      expect(await eras().read(freshKey())).toBeUndefined();
    });

    test.each([{}, { modern: [] }, { legacy: ['2025-11-25', '2025-06-18'] }, { modern: ['2026-07-28'], legacy: [] }])(
      '%j is remembered, and what was not probed stays absent',
      async (versions) => {
        const upstream = freshKey();
        await eras().write(upstream, { versions, learnedAt: 1000 }, 9999);
        const known = await eras().read(upstream);
        expect(known).toStrictEqual({ versions, learnedAt: 1000 });
      },
    );

    test.each(['http', 'sse'] as const)('the transport %s is remembered', async (transport) => {
      const upstream = freshKey();
      const known = { versions: { legacy: ['2024-11-05'] }, transport, learnedAt: 1000 };
      await eras().write(upstream, known, 9999);
      expect(await eras().read(upstream)).toStrictEqual(known);
    });

    test('a newer memory without a transport leaves nothing of the older one', async () => {
      const upstream = freshKey();
      await eras().write(upstream, { versions: {}, transport: 'sse', learnedAt: 1000 }, 9999);
      await eras().write(upstream, { versions: {}, learnedAt: 1001 }, 9999);
      expect(await eras().read(upstream)).toStrictEqual({ versions: {}, learnedAt: 1001 });
    });

    test('a newer memory replaces an older one as a whole', async () => {
      const upstream = freshKey();
      await eras().write(upstream, { versions: { modern: ['2026-07-28'] }, learnedAt: 1000 }, 9999);
      await eras().write(upstream, { versions: { legacy: ['2025-11-25'] }, learnedAt: 1001 }, 9999);
      expect(await eras().read(upstream)).toEqual({ versions: { legacy: ['2025-11-25'] }, learnedAt: 1001 });
    });

    test.each([1000, 999])('a memory from %i does not replace one from 1000', async (learnedAt) => {
      const upstream = freshKey();
      await eras().write(upstream, { versions: { modern: ['2026-07-28'] }, learnedAt: 1000 }, 9999);
      await eras().write(upstream, { versions: {}, learnedAt }, 9999);
      expect(await eras().read(upstream)).toEqual({ versions: { modern: ['2026-07-28'] }, learnedAt: 1000 });
    });

    test('of many memories at once the newest stays', async () => {
      const upstream = freshKey();
      await race((stores, racer) => {
        const learnedAt = 1000 + ((racer * 7) % RACERS);
        return stores.upstreamEras.write(upstream, { versions: { modern: [String(learnedAt)] }, learnedAt }, 9999);
      });
      const newest = 1000 + RACERS - 1;
      expect(await eras().read(upstream)).toEqual({ versions: { modern: [String(newest)] }, learnedAt: newest });
    });

    test('what is remembered does not change with what was given or read', async () => {
      const upstream = freshKey();
      const given = { versions: { modern: ['2026-07-28'] }, learnedAt: 1000 };
      await eras().write(upstream, given, 9999);
      given.versions.modern.push('given');
      ((await eras().read(upstream))!.versions.modern as string[]).push('read');
      expect(await eras().read(upstream)).toEqual({ versions: { modern: ['2026-07-28'] }, learnedAt: 1000 });
    });
  });

  test('every operation that goes through costs one request', async () => {
    const tally = { requests: 0 };
    const { clientSessions, mailbox: box, upstreamEras } = environment(tally);
    const session = clientSession();
    const attachment = upstreamSession();
    const operations: readonly (() => Promise<unknown>)[] = [
      () => clientSessions.create(session),
      () => clientSessions.read(session.key),
      () => clientSessions.attach(session.key, 'time', attachment, undefined),
      () => clientSessions.attach(session.key, 'time', upstreamSession(), attachment.generation),
      () => clientSessions.setDoubt(session.key, 'time', attachment.generation, true),
      () => clientSessions.setLogLevel(session.key, 'debug'),
      () => clientSessions.touch(session.key, 2, session.expiresAt + 1),
      () => clientSessions.terminate(session.key),
      () => clientSessions.terminate(session.key),
      () => box.leaveCancellation(session.key, 'call', { reason: undefined, leftAt: 1 }, 9999),
      () => box.peekCancellation(session.key, 'call'),
      () => box.clearCancellation(session.key, 'call'),
      () => upstreamEras.write(session.key, { versions: {}, learnedAt: 2 }, 9999),
      () => upstreamEras.write(session.key, { versions: {}, learnedAt: 1 }, 9999),
      () => upstreamEras.read(session.key),
    ];
    const costs: number[] = [];
    for (const operation of operations) {
      const before = tally.requests;
      await operation();
      costs.push(tally.requests - before);
    }
    expect(costs).toEqual(operations.map(() => 1));
  });
});

/** Changes everything below the surface that can be changed. */
function vandalize(session: ClientSession): void {
  Object.assign(session.clientInfo, { name: 'vandal' });
  Object.assign(session.clientCapabilities, { vandal: {} });
  Object.assign(session.upstreamSessions, { vandal: upstreamSession() });
  for (const attached of Object.values<UpstreamSession>(session.upstreamSessions)) {
    Object.assign(attached, { id: 'vandal' });
  }
  Object.assign(session, { caller: 'vandal' });
}
