import { describe, expect, test } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { watchForCancellation } from '../../lib/policies/cancellation.ts';
import type { MailboxStore } from '../../lib/ports/mailbox.ts';
import { StoreError } from '../../lib/ports/stores.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/turn.ts';

const BEGUN = 1_800_000_000_000;

const CALL = { clientSession: 'session', request: () => 'request', arrivedAt: BEGUN };

interface Watched {
  readonly clock: ReturnType<typeof createManualClock>;
  readonly mailbox: MailboxStore;
  readonly tally: { requests: number };
  readonly watch: ReturnType<typeof watchForCancellation>;
  readonly cancelled: () => number;
  /** Leaves word as another environment would, `after` ms after the call began. */
  leave(after?: number, session?: string, request?: string): Promise<void>;
  /** Lets time pass second by second, and everything run that falls due. */
  seconds(count: number): Promise<void>;
}

/** The watch over the call `request` of the client session `session`, begun `waitedMs` after the call arrived. */
function start(wrap: (mailbox: MailboxStore) => MailboxStore = (mailbox) => mailbox, waitedMs = 0): Watched {
  const clock = createManualClock(BEGUN + waitedMs);
  const tally = { requests: 0 };
  const openStores = createMemoryStores();
  const { mailbox } = openStores({ requests: 0 });
  let times = 0;
  const watched = wrap(openStores(tally).mailbox);
  const watch = watchForCancellation(clock, watched, CALL, () => void (times += 1));
  return {
    clock,
    mailbox,
    tally,
    watch,
    cancelled: () => times,
    leave: (after = 0, session = 'session', request = 'request') =>
      mailbox.leaveCancellation(session, request, { reason: undefined, leftAt: BEGUN + after }, Infinity),
    async seconds(count) {
      for (let second = 0; second < count; second += 1) {
        clock.advance(1000);
        await turn();
      }
    },
  };
}

describe('a call that nobody cancels', () => {
  test('asks the store for nothing during its first second', () => {
    const { clock, tally } = start();
    clock.advance(999);
    expect(tally.requests).toBe(0);
  });

  test('asks the store once each second from then on', async () => {
    const { seconds, tally } = start();
    await seconds(5);
    expect(tally.requests).toBe(5);
  });

  test('is not cancelled', async () => {
    const { seconds, cancelled } = start();
    await seconds(5);
    expect(cancelled()).toBe(0);
  });
});

describe('a cancellation', () => {
  test.each([0, 1, 2500])('that was left %i ms after the call began cancels it, once', async (after) => {
    const { leave, seconds, cancelled } = start();
    await leave(after);
    await seconds(5);
    expect(cancelled()).toBe(1);
  });

  test('is taken out of the mailbox once it has been acted upon', async () => {
    const { leave, seconds, mailbox } = start();
    await leave();
    await seconds(1);
    await expect(mailbox.peekCancellation('session', 'request')).resolves.toBeUndefined();
  });

  test('ends the watch', async () => {
    const { leave, seconds, clock } = start();
    await leave();
    await seconds(1);
    expect(clock.scheduled).toBe(0);
  });

  test('that overtook its call, which waited for an environment, cancels it', async () => {
    const { leave, seconds, cancelled } = start(undefined, 5000);
    await leave(10);
    await seconds(1);
    expect(cancelled()).toBe(1);
  });

  test('that was left before the call began is for an earlier call with the same id', async () => {
    const { leave, seconds, cancelled } = start();
    await leave(-1);
    await seconds(3);
    expect(cancelled()).toBe(0);
  });

  test.each([
    ['another session', 'other', 'request'],
    ['another call', 'session', 'other'],
  ])('of %s is left alone', async (_whose, session, request) => {
    const { leave, seconds, cancelled, mailbox } = start();
    await leave(0, session, request);
    await seconds(3);
    expect(cancelled()).toBe(0);
    await expect(mailbox.peekCancellation(session, request)).resolves.toBeDefined();
  });
});

describe('a store that does not answer', () => {
  const trouble = () => Promise.reject(new StoreError('mailbox.peekCancellation', 'is down', undefined));

  test('is asked again a second later', async () => {
    let down = true;
    const { leave, seconds, cancelled } = start((mailbox) => ({
      ...mailbox,
      peekCancellation: (...call) => (down ? trouble() : mailbox.peekCancellation(...call)),
    }));
    await leave();
    await seconds(2);
    expect(cancelled()).toBe(0);
    down = false;
    await seconds(1);
    expect(cancelled()).toBe(1);
  });

  test('does not undo a cancellation that it cannot clear', async () => {
    const { leave, seconds, cancelled } = start((mailbox) => ({ ...mailbox, clearCancellation: trouble }));
    await leave();
    await seconds(1);
    expect(cancelled()).toBe(1);
  });
});

describe('stopping the watch', () => {
  test('leaves no timer behind', async () => {
    const { seconds, watch, clock } = start();
    await seconds(2);
    await watch.stop();
    expect(clock.scheduled).toBe(0);
  });

  test('waits for the look-up that is under way, which then cancels nothing', async () => {
    const answer = Promise.withResolvers<void>();
    const { leave, clock, watch, cancelled } = start((mailbox) => ({
      ...mailbox,
      peekCancellation: (...call) => answer.promise.then(() => mailbox.peekCancellation(...call)),
    }));
    await leave();
    clock.advance(1000);
    let settled = false;
    const stopped = watch.stop().then(() => void (settled = true));
    await turn();
    expect(settled).toBe(false);
    answer.resolve();
    await stopped;
    expect([cancelled(), clock.scheduled]).toEqual([0, 0]);
  });

  test('settles at once when no look-up is under way', async () => {
    const { watch, tally } = start();
    await watch.stop();
    expect(tally.requests).toBe(0);
  });
});
