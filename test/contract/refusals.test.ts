/** Whoever loses a race learns from the refusal itself who has won it, where the database tells (DynamoDB does). */
import { describe, expect, test } from 'vitest';

import { startEnvironments } from './environments.ts';
import { databaseLegs } from './legs.ts';
import { callClaim, clientSession, freshKey, pinRecord, sharedSession, upstreamSession } from './samples.ts';

const NOW = 1_780_000_000_000;

describe.each(databaseLegs.filter(({ tellsRefused }) => tellsRefused))('refusals of $name', (leg) => {
  const { environment } = startEnvironments(leg);

  test('the second attachment learns the winner in one request', async () => {
    const session = clientSession();
    const winner = upstreamSession();
    const first = environment().clientSessions;
    await first.create(session);
    await first.attach(session.key, 'time', winner, undefined);
    const tally = { requests: 0 };
    const second = environment(tally).clientSessions;
    const outcome = await second.attach(session.key, 'time', upstreamSession(), undefined);
    expect({ outcome, ...tally }).toEqual({ outcome: { kind: 'lost', winner }, requests: 1 });
  });

  test('the second creation of a session is refused in one request', async () => {
    const session = clientSession();
    await environment().clientSessions.create(session);
    const tally = { requests: 0 };
    const created = await environment(tally).clientSessions.create(session);
    expect({ created, ...tally }).toEqual({ created: false, requests: 1 });
  });

  test('the second keeper of a shared session learns the winner in one request', async () => {
    const key = freshKey();
    const winner = sharedSession({ expiresAt: NOW + 1 });
    await environment().upstreamSessions.keep(key, winner, undefined, NOW);
    const tally = { requests: 0 };
    const store = environment(tally).upstreamSessions;
    const outcome = await store.keep(key, sharedSession({ expiresAt: NOW + 1 }), undefined, NOW);
    expect({ outcome, ...tally }).toEqual({ outcome: { kind: 'lost', winner: winner.session }, requests: 1 });
  });

  test('the second call with a key learns how the first one is doing in one request', async () => {
    const key = freshKey();
    const first = callClaim();
    await environment().idempotency.begin(key, first, NOW);
    const tally = { requests: 0 };
    const outcome = await environment(tally).idempotency.begin(key, callClaim(), NOW);
    expect({ outcome, ...tally }).toMatchObject({ outcome: { record: { owner: first.owner } }, requests: 1 });
  });

  test('pins that were replaced meanwhile are refused in one request', async () => {
    const upstream = freshKey();
    const [old, winner] = [pinRecord(), pinRecord()];
    const first = environment().pins;
    await first.write(upstream, old, undefined);
    await first.write(upstream, winner, old.version);
    const tally = { requests: 0 };
    const written = await environment(tally).pins.write(upstream, pinRecord(), old.version);
    expect({ written, ...tally }).toMatchObject({ written: false, requests: 1 });
  });
});
