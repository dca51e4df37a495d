/** An upstream that fails again and again, as two environments see it: each with a cache of its own, over one store. */
import { describe, expect, test } from 'vitest';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import type { UpstreamFault } from '../../lib/errors.ts';
import { askBreaker, healthShownBy, type Admission, type Health } from '../../lib/policies/breaker.ts';
import type { BreakerStore } from '../../lib/ports/breakers.ts';
import type { StoreTally } from '../../lib/ports/stores.ts';
import { RACERS, startEnvironments } from '../contract/environments.ts';
import { legs } from '../contract/legs.ts';
import { freshKey } from '../contract/samples.ts';
import { createManualClock } from '../support/manual-clock.ts';

const CONFIG = { failures: 3, openMs: 10_000 };
const CALL_MS = 55_000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** What each end says of the upstream, for every one there is. */
const SHOWN: {
  readonly [Kind in UpstreamFault['kind'] | 'cancelled']: readonly [Parameters<typeof healthShownBy>[0], Health];
} = {
  'upstream-unreachable': [{ kind: 'upstream-unreachable' }, 'failed'],
  'upstream-connect-timeout': [{ kind: 'upstream-connect-timeout', limitMs: 3000 }, 'failed'],
  'upstream-reset': [{ kind: 'upstream-reset' }, 'failed'],
  'upstream-closed': [{ kind: 'upstream-closed' }, 'failed'],
  'upstream-http': [{ kind: 'upstream-http', status: 500 }, 'failed'],
  'upstream-timeout': [{ kind: 'upstream-timeout', limitMs: 55_000 }, 'unclear'],
  'upstream-idle': [{ kind: 'upstream-idle', limitMs: 15_000 }, 'unclear'],
  'invocation-ending': [{ kind: 'invocation-ending' }, 'unclear'],
  'upstream-busy': [{ kind: 'upstream-busy', retryAfterMs: 1 }, 'unclear'],
  'breaker-open': [{ kind: 'breaker-open', retryAfterMs: 1 }, 'unclear'],
  cancelled: [{ kind: 'cancelled' }, 'unclear'],
  'upstream-throttled': [{ kind: 'upstream-throttled', retryAfter: undefined }, 'well'],
  'upstream-garbled': [{ kind: 'upstream-garbled', reason: 'x' }, 'well'],
  'upstream-redirect': [{ kind: 'upstream-redirect' }, 'well'],
  'upstream-too-large': [{ kind: 'upstream-too-large', limitBytes: 20 }, 'well'],
  'upstream-credentials': [{ kind: 'upstream-credentials' }, 'unclear'],
  'upstream-unauthorized': [{ kind: 'upstream-unauthorized' }, 'well'],
  'upstream-session-lost': [{ kind: 'upstream-session-lost' }, 'well'],
  'upstream-refused': [{ kind: 'upstream-refused', error: { code: 1, message: 'x' } }, 'well'],
};

describe('what a call shows of its upstream', () => {
  test.each(Object.entries(SHOWN))('when it ends with %s', (_kind, [end, health]) => {
    expect(healthShownBy(end)).toBe(health);
  });

  test.each([
    [404, 'well'],
    [499, 'well'],
    [500, 'failed'],
    [599, 'failed'],
  ] as const)('when it ends with status %i', (status, health) => {
    expect(healthShownBy({ kind: 'upstream-http', status })).toBe(health);
  });
});

describe.each(legs)('over $name', (leg) => {
  const { environment } = startEnvironments(leg);

  /** One upstream, and environments that know nothing of each other. */
  function openWorld(config = CONFIG) {
    const upstream = freshKey();
    const clock = createManualClock();
    const newEnvironment = (wrap: (store: BreakerStore) => BreakerStore = (store) => store) => {
      const tally: StoreTally = { requests: 0 };
      const own = wrap(environment(tally).breakers);
      const tools = { store: () => own, cache: new Map(), clock, ids: cryptoIds };
      const ask = (callMs = CALL_MS): Promise<Admission> => askBreaker(upstream, config, clock.now() + callMs, tools);
      const admitted = async (callMs?: number) => {
        const admission = await ask(callMs);
        if (admission.kind === 'refused') throw new Error('It was refused');
        return admission;
      };
      return {
        ask,
        admitted,
        /** A call that is let through, and shows this. */
        call: async (health: Health) => (await admitted()).settle(health),
        /** Requests to the store so far. */
        requests: () => tally.requests,
      };
    };
    const [one, other] = [newEnvironment(), newEnvironment()];
    return {
      clock,
      newEnvironment,
      one,
      other,
      /** Lets the breaker open. */
      open: async (): Promise<void> => {
        for (let failures = 0; failures < config.failures; failures += 1) await one.call('failed');
      },
    };
  }

  describe('a closed breaker', () => {
    test('opens after so many failures in a row, whoever met them', async () => {
      const { clock, one, other } = openWorld();
      await one.call('failed');
      await other.call('failed');
      expect((await one.ask()).kind).toBe('admitted');
      await one.call('failed');
      expect(await one.ask()).toEqual({ kind: 'refused', retryAfterMs: 10_000 });
      // The other one has looked not long ago.
      clock.advance(1000);
      expect(await other.ask()).toEqual({ kind: 'refused', retryAfterMs: 9000 });
    });

    test('begins to count anew after a success, whoever had it', async () => {
      const { clock, one, other } = openWorld();
      await one.call('failed');
      await one.call('failed');
      clock.advance(1000);
      await other.call('well');
      await one.call('failed');
      await one.call('failed');
      expect((await one.ask()).kind).toBe('admitted');
    });

    test('begins anew with a success that was under way while another call failed', async () => {
      const { one, other } = openWorld();
      await one.call('failed');
      const success = await one.admitted();
      await other.call('failed');
      await success.settle('well');
      await other.call('failed');
      expect((await other.ask()).kind).toBe('admitted');
    });

    test('is not opened by an environment that was served a moment ago and has not seen a whole row', async () => {
      const { clock, one, other } = openWorld();
      // It believes that nothing has failed, and writes nothing down.
      await one.call('well');
      await other.call('failed');
      await other.call('failed');
      await one.call('failed');
      expect((await one.ask()).kind).toBe('admitted');
      clock.advance(1000);
      await one.call('failed');
      expect((await one.ask()).kind).toBe('refused');
    });

    test('is opened at once by an environment that sees a whole row after it was served', async () => {
      const { one } = openWorld();
      await one.call('well');
      for (const _ of [1, 2, 3]) await one.call('failed');
      expect((await one.ask()).kind).toBe('refused');
    });

    test('takes nothing from a call that showed nothing', async () => {
      const { one } = openWorld();
      await one.call('failed');
      await one.call('failed');
      await one.call('unclear');
      await one.call('failed');
      expect((await one.ask()).kind).toBe('refused');
    });

    test('costs a read in a second, and nothing else, while all is well', async () => {
      const { clock, one } = openWorld();
      for (let calls = 0; calls < 10; calls += 1) await one.call('well');
      expect(one.requests()).toBe(1);
      clock.advance(1000);
      await one.call('well');
      expect(one.requests()).toBe(2);
    });

    test('counts failures that come together', async () => {
      const { one, newEnvironment } = openWorld({ failures: RACERS, openMs: 10_000 });
      const environments = Array.from({ length: RACERS }, () => newEnvironment());
      const calls = await Promise.all(environments.map((own) => own.admitted()));
      await Promise.all(calls.slice(1).map((call) => call.settle('failed')));
      expect((await newEnvironment().ask()).kind).toBe('admitted');
      await calls[0]!.settle('failed');
      expect((await one.ask()).kind).toBe('refused');
    });

    test('forgets failures after a day', async () => {
      const { clock, one } = openWorld();
      await one.call('failed');
      await one.call('failed');
      clock.advance(DAY_MS);
      await one.call('failed');
      expect((await one.ask()).kind).toBe('admitted');
    });
  });

  describe('an open breaker', () => {
    test('refuses without asking the store again, and says when to come back', async () => {
      const { clock, one, open } = openWorld();
      await open();
      await one.ask();
      const before = one.requests();
      clock.advance(4000);
      expect(await one.ask()).toEqual({ kind: 'refused', retryAfterMs: 6000 });
      clock.advance(5999);
      expect(await one.ask()).toEqual({ kind: 'refused', retryAfterMs: 1 });
      expect(one.requests()).toBe(before);
    });

    test('stays open although a call succeeds that was let through before', async () => {
      const { clock, one, other, open } = openWorld();
      const early = await other.admitted();
      await open();
      await early.settle('well');
      clock.advance(1000);
      for (const own of [one, other]) expect(await own.ask()).toEqual({ kind: 'refused', retryAfterMs: 9000 });
    });

    test('does not stay open for longer for calls that fail which were let through before', async () => {
      const { clock, one, other, open } = openWorld();
      const early = await other.admitted();
      await open();
      clock.advance(9000);
      await early.settle('failed');
      expect(await other.ask()).toEqual({ kind: 'refused', retryAfterMs: 1000 });
      clock.advance(1000);
      expect((await one.ask()).kind).toBe('admitted');
    });
  });

  describe('a half-open breaker', () => {
    async function openHalf() {
      const opened = openWorld();
      await opened.open();
      opened.clock.advance(10_000);
      return opened;
    }

    test('lets one through of all that come together', async () => {
      const { newEnvironment } = await openHalf();
      const environments = Array.from({ length: RACERS }, () => newEnvironment());
      const kinds = (await Promise.all(environments.map((own) => own.ask()))).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'admitted')).toHaveLength(1);
    });

    test('lets one through of all that come together in one environment', async () => {
      const { one } = await openHalf();
      const kinds = (await Promise.all(Array.from({ length: RACERS }, () => one.ask()))).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'admitted')).toHaveLength(1);
    });

    test('refuses the others while that one is under way, for as long as it may take', async () => {
      const { one, other } = await openHalf();
      await one.admitted(3000);
      expect(await other.ask()).toEqual({ kind: 'refused', retryAfterMs: 3000 });
      expect(await one.ask()).toEqual({ kind: 'refused', retryAfterMs: 3000 });
    });

    test('closes for everybody once that one has succeeded', async () => {
      const { one, other } = await openHalf();
      const trial = await one.admitted();
      await other.ask();
      await trial.settle('well');
      for (const own of [one, other]) expect((await own.ask()).kind).toBe('admitted');
      await one.call('failed');
      await other.call('failed');
      expect((await one.ask()).kind).toBe('admitted');
    });

    test('opens again for everybody once that one has failed', async () => {
      const { clock, one, other } = await openHalf();
      const trial = await one.admitted();
      clock.advance(500);
      await trial.settle('failed');
      for (const own of [one, other]) expect(await own.ask()).toEqual({ kind: 'refused', retryAfterMs: 10_000 });
      clock.advance(10_000);
      expect((await other.ask()).kind).toBe('admitted');
    });

    test('lets the next one through when that one has shown nothing', async () => {
      const { one, other } = await openHalf();
      await (await one.admitted()).settle('unclear');
      expect((await other.ask()).kind).toBe('admitted');
    });

    test('lets the next one through when the environment of that one was killed', async () => {
      const { clock, one, other } = await openHalf();
      await one.admitted(3000);
      clock.advance(2999);
      expect((await other.ask()).kind).toBe('refused');
      clock.advance(1);
      expect((await other.ask()).kind).toBe('admitted');
    });

    test.each(['well', 'failed', 'unclear'] as const)(
      'does not heed one that took too long, and then shows it is %s',
      async (health) => {
        const { clock, one, other, newEnvironment } = await openHalf();
        const late = await one.admitted(3000);
        clock.advance(3000);
        await other.admitted(5000);
        await late.settle(health);
        expect(await newEnvironment().ask()).toEqual({ kind: 'refused', retryAfterMs: 5000 });
      },
    );
  });

  test('breakers of different upstreams know nothing of each other', async () => {
    const [one, other] = [openWorld(), openWorld()];
    await one.open();
    expect((await other.one.ask()).kind).toBe('admitted');
  });

  test('what the store throws is for the caller to deal with, and nothing is believed', async () => {
    const { newEnvironment } = openWorld();
    let down = true;
    const own = newEnvironment((store) => ({
      ...store,
      read: (...asked) => (down ? Promise.reject(new Error('down')) : store.read(...asked)),
      countFailure: () => Promise.reject(new Error('down')),
    }));
    await expect(own.ask()).rejects.toThrow('down');
    down = false;
    const admission = await own.admitted();
    await expect(admission.settle('failed')).rejects.toThrow('down');
    expect((await own.ask()).kind).toBe('admitted');
  });
});
