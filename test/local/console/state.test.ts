import { describe, expect, test } from 'vitest';
import type { ActionLine, Snapshot, Trace } from '../../../lib/local/console/feed.ts';
import {
  MOST_ACTIONS,
  MOST_NOTICES,
  MOST_TRACES,
  NOTHING_YET,
  reduce,
  type ConsoleState,
  type FeedEvent,
} from '../../../lib/local/console/page/state.ts';
import { actionLine } from './lines.ts';

const EMPTY: Snapshot = {
  actions: [],
  notices: [],
  environments: [],
  upstreams: [],
  sessions: [],
  hasMoreSessions: false,
  catalog: [],
};

function after(...events: readonly FeedEvent[]): ConsoleState {
  return events.reduce(reduce, NOTHING_YET);
}

function action(requestId: string): ActionLine {
  return actionLine({ requestId });
}

const keysOf = ({ actions }: ConsoleState) => actions.map(({ key }) => key);

describe('what the console knows', () => {
  test('has the actions of a snapshot and those after it, the newest first', () => {
    const state = after(
      { name: 'snapshot', data: { ...EMPTY, actions: [action('a'), action('b')] } },
      { name: 'action', data: action('c') },
    );
    expect(keysOf(state)).toEqual(['c', 'b', 'a']);
  });

  test('tells several lines of one request apart, the same way after a reconnection', () => {
    const lines = [action('a'), action('b'), action('a')];
    const live = after(...lines.map((data): FeedEvent => ({ name: 'action', data })));
    expect(keysOf(live)).toEqual(['a 2', 'b', 'a']);
    expect(keysOf(reduce(live, { name: 'snapshot', data: { ...EMPTY, actions: lines } }))).toEqual(keysOf(live));
  });

  test('never gives the name of one line to another one, when the first ones are gone', () => {
    const lines = Array.from({ length: MOST_ACTIONS }, (_, index) => action(index < 2 ? 'a' : `${index}`));
    const full = after({ name: 'snapshot', data: { ...EMPTY, actions: lines } });
    const more = [action('new'), action('a')].reduce((state, data) => reduce(state, { name: 'action', data }), full);
    expect(keysOf(more).filter((key) => key.startsWith('a'))).toEqual(['a 3']);
    const one = reduce(full, { name: 'action', data: action('a') });
    expect(keysOf(one).filter((key) => key.startsWith('a'))).toEqual(['a 3', 'a 2']);
  });

  test('forgets with a snapshot whatever is not in it', () => {
    const before = after(
      { name: 'snapshot', data: { ...EMPTY, actions: [action('a')] } },
      { name: 'notice', data: { time: 1, requestId: null, isTrouble: true, text: 'trouble' } },
      { name: 'environment', data: { name: 'one', state: 'busy', since: 1, invocations: 1 } },
      { name: 'trace', data: { traceId: 't', spans: [] } },
    );
    expect(reduce(before, { name: 'snapshot', data: EMPTY })).toEqual({ ...NOTHING_YET, snapshots: 2 });
  });

  test('keeps the last actions, notices and traces, and no more than it can show', () => {
    const events = Array.from({ length: MOST_ACTIONS + 1 }, (_, index): FeedEvent[] => [
      { name: 'action', data: action(`request ${index}`) },
      { name: 'notice', data: { time: index, requestId: null, isTrouble: false, text: 'said' } },
      { name: 'trace', data: { traceId: `trace ${index}`, spans: [] } },
    ]).flat();
    const { actions, notices, traces } = after(...events);
    expect([actions.length, notices.length, traces.size]).toEqual([MOST_ACTIONS, MOST_NOTICES, MOST_TRACES]);
    expect([actions[0]?.key, notices[0]?.time]).toEqual([`request ${MOST_ACTIONS}`, MOST_ACTIONS]);
    expect(traces.has(`trace ${MOST_ACTIONS}`)).toBe(true);
  });

  test('shows the last actions and notices of a snapshot that holds more', () => {
    const actions = Array.from({ length: MOST_ACTIONS + 5 }, (_, index) => action(`${index}`));
    const { actions: shown } = after({ name: 'snapshot', data: { ...EMPTY, actions } });
    expect(shown.length).toBe(MOST_ACTIONS);
    expect(shown[0]?.key).toBe(`${MOST_ACTIONS + 4}`);
  });

  test('has each environment in its latest state, in the order of their names', () => {
    const environment = (name: string, state: 'starting' | 'busy' | 'gone'): FeedEvent => ({
      name: 'environment',
      data: state === 'gone' ? { name, state } : { name, state, since: 1, invocations: 0 },
    });
    const state = after(
      environment('env-10', 'starting'),
      environment('env-2', 'starting'),
      environment('env-1', 'busy'),
      environment('env-10', 'busy'),
      environment('env-1', 'gone'),
    );
    expect(state.environments.map(({ name, state }) => [name, state])).toEqual([
      ['env-2', 'starting'],
      ['env-10', 'busy'],
    ]);
  });

  test('has of a trace what was sent last', () => {
    const known: Trace = {
      traceId: 't',
      spans: [
        {
          id: '1',
          parent: null,
          name: 'root',
          kind: 'gateway',
          startedAt: 1,
          endedAt: null,
          status: 'ok',
          annotations: {},
        },
      ],
    };
    const state = after({ name: 'trace', data: { traceId: 't', spans: [] } }, { name: 'trace', data: known });
    expect([...state.traces.values()]).toEqual([known]);
  });

  test('takes what is in the table as it is now, and leaves the rest', () => {
    const state = after(
      { name: 'snapshot', data: { ...EMPTY, actions: [action('a')] } },
      { name: 'state', data: { upstreams: [], sessions: [], hasMoreSessions: true, catalog: [catalogOf('time')] } },
    );
    expect(state.catalog).toEqual([catalogOf('time')]);
    expect(state.hasMoreSessions).toBe(true);
    expect(keysOf(state)).toEqual(['a']);
  });
});

function catalogOf(upstream: string) {
  return { upstream, member: 'tools', fetchedAt: 1, freshUntil: 2, isStale: false, bytes: 3 };
}
