/** What a call knows of a session that an attempt of its own has failed in. */
import { expect, test } from 'vitest';
import { attachedSession } from '../../lib/upstream/legacy.ts';
import { openErrand } from './errand-kit.ts';

test('a session is doubted at once by the next attempt of the call that doubted it', async () => {
  const { line, clientSession, upstream } = await openErrand();
  const session = attachedSession(clientSession, upstream)!;
  expect(await line.keeper.current()).toEqual(session);
  line.keeper.doubt(session);
  expect(await line.keeper.current()).toEqual({ ...session, doubted: true });
  line.keeper.trust(session);
  expect(await line.keeper.current()).toEqual(session);
});

test('a session is doubted by other environments once that is written, and no longer once it is trusted', async () => {
  const { line, clientSession, upstream, stores, visit } = await openErrand();
  const session = attachedSession(clientSession, upstream)!;
  const attached = async () => (await stores.clientSessions.read(clientSession.key))?.upstreamSessions['time'];
  line.keeper.doubt(session);
  await visit.settle();
  expect(await attached()).toEqual({ ...session, doubted: true });
  line.keeper.trust(session);
  await visit.settle();
  expect(await attached()).toEqual(session);
});

test('a doubted session that is retired is kept to be ended, and not used by anybody', async () => {
  const { line, clientSession, upstream, stores, visit, clock } = await openErrand();
  const session = attachedSession(clientSession, upstream)!;
  line.keeper.retire(session);
  await visit.settle();
  const [key] = await stores.upstreamSessions.expiringBetween(0, Number.MAX_SAFE_INTEGER, 10);
  expect(await stores.upstreamSessions.read(key!)).toEqual({
    upstream: 'time',
    session: { ...session, leftAt: clock.now() },
    expiresAt: clock.now() + upstream.config.timeoutMs,
  });
});
