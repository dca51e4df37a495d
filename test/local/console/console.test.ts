import { describe, expect, test } from 'vitest';
import { Console } from '../../../lib/local/console/console.ts';
import type { FeedEvents } from '../../../lib/local/console/feed.ts';
import { nothingKnown, type LookedUp } from '../../../lib/local/console/state.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { turn } from '../../support/turn.ts';
import { action, document, TRACE_ID } from './kit.ts';

const OTHER_TRACE = TRACE_ID.replace('0123', '4567');

function open() {
  const clock = createManualClock();
  const console = new Console({ clock, upstreams: ['time', 'test'] });
  const told: [keyof FeedEvents, unknown][] = [];
  const watch = () => console.watch((name, data) => told.push([name, data]));
  return { clock, console, told, watch };
}

const line = (change: Parameters<typeof action>[0] = {}) => JSON.stringify(action(change));

describe('the console', () => {
  test('knows actions, notices, defects and what the platform says, and nothing else', () => {
    const { console, clock } = open();
    console.hearLine(line());
    console.hearLine(
      '{"time":"2026-11-20T10:00:00.000Z","requestId":null,"notice":"breaker-opened","upstream":"time"}',
    );
    console.hearLine(
      '{"time":"2026-11-20T10:00:01.000Z","requestId":"r","notice":"list-changed","upstream":"time","added":["a","b"]}',
    );
    console.hearLine(
      '{"time":"2026-11-20T10:00:02.000Z","requestId":"r","defect":"TypeError","code":null,"frames":["at x"],"cause":null}',
    );
    console.hearLine('no line of the log');
    console.hearLine('{"_aws":{}}');
    console.hearPlatform('env-1 crashed');
    expect(console.snapshot().actions).toEqual([action()]);
    expect(console.snapshot().notices).toEqual([
      {
        time: Date.UTC(2026, 10, 20, 10),
        requestId: null,
        isTrouble: true,
        text: 'breaker opened: upstream time',
      },
      expect.objectContaining({ requestId: 'r', isTrouble: false, text: 'list changed: upstream time, added a b' }),
      expect.objectContaining({ requestId: 'r', isTrouble: true, text: 'defect: TypeError at x' }),
      { time: clock.now(), requestId: null, isTrouble: true, text: 'env-1 crashed' },
    ]);
  });

  test('keeps the last ones only', () => {
    const { console } = open();
    for (let number = 0; number < 1200; number += 1) {
      console.hearLine(line({ requestId: `r-${number}` }));
      console.hearPlatform(`line ${number} ${'x'.repeat(10_000)}`);
    }
    const { actions, notices } = console.snapshot();
    expect([actions.length, notices.length]).toEqual([500, 200]);
    expect(actions.at(-1)?.requestId).toBe('r-1199');
    expect(Math.max(...notices.map(({ text }) => text.length))).toBe(500);
  });

  test('knows since when an environment is what it is', () => {
    const { console, clock } = open();
    console.hearEnvironment({ name: 'env-1', state: 'starting', invocations: 0 });
    clock.advance(100);
    console.hearEnvironment({ name: 'env-1', state: 'busy', invocations: 1 });
    expect(console.snapshot().environments).toEqual([
      { name: 'env-1', state: 'busy', invocations: 1, since: clock.now() },
    ]);
  });

  test('tells that an environment is gone, and does not show it from then on', () => {
    const { console, told, watch } = open();
    console.hearEnvironment({ name: 'env-1', state: 'busy', invocations: 1 });
    watch();
    console.hearEnvironment({ name: 'env-1', state: 'gone' });
    expect(told).toEqual([['environment', { name: 'env-1', state: 'gone' }]]);
    expect(console.snapshot().environments).toEqual([]);
  });

  test('tells watchers what happens after their snapshot, until they leave', () => {
    const { console, told, watch } = open();
    console.hearLine(line({ requestId: 'before' }));
    const { snapshot, end } = watch();
    console.hearLine(line({ requestId: 'after' }));
    console.hearEnvironment({ name: 'env-1', state: 'frozen', invocations: 1 });
    end();
    console.hearLine(line({ requestId: 'late' }));
    expect(snapshot.actions.map(({ requestId }) => requestId)).toEqual(['before']);
    expect(told.map(([name]) => name)).toEqual(['action', 'environment']);
    expect(console.watchers).toBe(0);
  });

  test('tells a trace when its documents have come, as a whole', () => {
    const { console, told, watch, clock } = open();
    console.hearDocument(document({ id: '00000000000000aa' }));
    watch();
    console.hearDocument(document({ id: '00000000000000bb' }));
    console.hearDocument(document({ id: '00000000000000cc', trace_id: OTHER_TRACE }));
    console.hearDocument(document({ id: '00000000000000dd' }));
    expect(told).toEqual([]);
    clock.advance(50);
    expect(told.map(([name, data]) => [name, (data as FeedEvents['trace']).spans.length])).toEqual([
      ['trace', 3],
      ['trace', 1],
    ]);
  });

  test('finds a trace by its id, by a request of it, and the latest', () => {
    const { console } = open();
    expect(console.trace('latest')).toBeUndefined();
    console.hearDocument(document());
    console.hearDocument(document({ trace_id: OTHER_TRACE }));
    console.hearLine(line({ requestId: 'r-7' }));
    console.hearLine(line({ requestId: 'r-8', traceId: null }));
    expect(console.trace(TRACE_ID)?.traceId).toBe(TRACE_ID);
    expect(console.trace('r-7')?.traceId).toBe(TRACE_ID);
    expect(console.trace('latest')?.traceId).toBe(OTHER_TRACE);
    expect(console.trace('r-8')).toBeUndefined();
    expect(console.trace('r-9')).toBeUndefined();
  });
});

describe('the table', () => {
  const openTable = (lookUp: (looks: number) => LookedUp) => {
    const opened = open();
    let looks = 0;
    opened.console.openTable(async () => lookUp((looks += 1)));
    return { ...opened, looks: () => looks };
  };
  const failures = (count: number): LookedUp => ({
    ...nothingKnown([]),
    breakers: [{ upstream: 'time', state: 'closed', openUntil: undefined, failures: count }],
  });

  test('is looked up at once and every two seconds while somebody watches, and never else', async () => {
    const { clock, watch, looks } = openTable(() => failures(0));
    clock.advance(10_000);
    expect(looks()).toBe(0);
    const { end } = watch();
    const other = watch();
    expect(looks()).toBe(1);
    await turn();
    clock.advance(2000);
    expect(looks()).toBe(2);
    await turn();
    end();
    clock.advance(2000);
    expect(looks()).toBe(3);
    await turn();
    other.end();
    clock.advance(60_000);
    expect(looks()).toBe(3);
    expect(clock.scheduled).toBe(0);
  });

  test('is told of when it is another one', async () => {
    const { clock, watch, told } = openTable((looks) => failures(looks < 3 ? 1 : 2));
    watch();
    for (let look = 0; look < 4; look += 1) {
      await turn();
      clock.advance(2000);
    }
    await turn();
    expect(told.map(([name, data]) => [name, (data as FeedEvents['state']).upstreams[0]?.failures])).toEqual([
      ['state', 1],
      ['state', 2],
    ]);
  });

  test('that cannot be looked up stays as it was, and the trouble is told once', async () => {
    const { clock, watch, told, console } = openTable((looks) => {
      if (looks > 1) throw new Error('no answer');
      return failures(3);
    });
    watch();
    for (let look = 0; look < 3; look += 1) {
      await turn();
      clock.advance(2000);
    }
    await turn();
    expect(told.map(([name]) => name)).toEqual(['state', 'notice']);
    expect(console.snapshot().upstreams[0]?.failures).toBe(3);
    expect(console.snapshot().notices[0]?.text).toBe('The state cannot be looked up: Error: no answer');
  });
});
