import { describe, expect, test } from 'vitest';
import { observationsOf, type Observation } from '../../../lib/adapters/powertools/figures.ts';
import { layerOf } from '../../../lib/adapters/powertools/layer.ts';
import type { Action, Notice, Outcome } from '../../../lib/ports/action-log.ts';
import { actionOf } from '../../support/action.ts';

/** By name, of a single action. */
function figuresOf(changes: Partial<Action>): Record<string, number> {
  const observations = observationsOf([actionOf(changes)], false);
  expect(new Set(observations.map(({ upstream }) => upstream)).size).toBeLessThanOrEqual(1);
  return byName(observations);
}

function byName(observations: readonly Observation[]): Record<string, number> {
  return Object.fromEntries(observations.flatMap(({ figures }) => figures.map(({ name, value }) => [name, value])));
}

const UNANSWERED = { upstream: null, upstreamMs: 0, upstreamRequests: 0, attempt: 0 } as const;
const TIMES = { GatewayMs: 2.5, UpstreamMs: 10 };

describe('an action', () => {
  test('that went well is its times, under the name of its upstream', () => {
    expect(observationsOf([actionOf()], false)).toEqual([
      {
        upstream: 'time',
        figures: [
          { name: 'GatewayMs', unit: 'Milliseconds', value: 2.5 },
          { name: 'UpstreamMs', unit: 'Milliseconds', value: 10 },
        ],
      },
    ]);
  });

  test('without an upstream is the time of the gateway, under no name', () => {
    expect(observationsOf([actionOf(UNANSWERED)], false)).toEqual([
      { upstream: null, figures: [{ name: 'GatewayMs', unit: 'Milliseconds', value: 2.5 }] },
    ]);
  });

  test('that waited for several upstreams has a time of theirs as well, under no name', () => {
    expect(figuresOf({ upstream: null, upstreamRequests: 2 })).toEqual(TIMES);
  });

  test.for(['GET', 'subscriptions/listen'])(
    'that listens (%s) has no times: they are those of who listens',
    (method) => {
      expect(figuresOf({ method, dynamodbRequests: 3 })).toEqual({ DynamodbRequests: 3 });
    },
  );

  test('counts its requests to DynamoDB', () => {
    expect(figuresOf({ dynamodbRequests: 3 })).toEqual({ ...TIMES, DynamodbRequests: 3 });
  });

  test('counts how often its call was sent again', () => {
    expect(figuresOf({ attempt: 3 })).toEqual({ ...TIMES, Retries: 2 });
  });

  test('counts an answer that was given before', () => {
    expect(figuresOf({ ...UNANSWERED, replayed: true })).toEqual({ GatewayMs: 2.5, Replays: 1 });
  });

  test('counts a cancellation as no error', () => {
    expect(figuresOf({ outcome: 'cancelled', errorKind: 'cancelled' })).toEqual({ ...TIMES, Cancelled: 1 });
  });

  test.for([
    ['ok', null],
    ['ok', 'invocation-ending'],
    ['input-required', null],
  ] as const)('that ended with %s (%s) is no error', ([outcome, errorKind]) => {
    expect(figuresOf({ outcome, errorKind })).toEqual(TIMES);
  });

  test.for([
    ['error', 'upstream-timeout', { UpstreamErrors: 1, Timeouts: 1 }],
    ['error', 'upstream-idle', { UpstreamErrors: 1, Timeouts: 1 }],
    ['error', 'upstream-connect-timeout', { UpstreamErrors: 1, Timeouts: 1 }],
    ['error', 'invocation-ending', { UpstreamErrors: 1, Timeouts: 1 }],
    ['error', 'upstream-reset', { UpstreamErrors: 1 }],
    ['error', '-32602', { UpstreamErrors: 1 }],
    ['error', 'outcome-unknown', { UpstreamErrors: 1 }],
    ['error', 'breaker-open', { UpstreamErrors: 1, BreakerOpen: 1 }],
    ['refused', 'tool-held', { UpstreamErrors: 1, ToolsHeld: 1 }],
    ['error', 'internal', { GatewayErrors: 1 }],
    ['error', 'store-unavailable', { GatewayErrors: 1 }],
    ['error', 'upstream-credentials', { GatewayErrors: 1 }],
    ['refused', 'unsigned', { GatewayErrors: 1 }],
    ['refused', 'unknown-name', { ClientErrors: 1 }],
    ['error', 'still-running', { ClientErrors: 1 }],
    ['tool-error', null, { ToolErrors: 1 }],
  ] as [Outcome, string | null, object][])('that ended with %s (%s) is counted where it belongs', (ended) => {
    const [outcome, errorKind, expected] = ended;
    expect(figuresOf({ outcome, errorKind })).toEqual({ ...TIMES, ...expected });
  });
});

describe('an invocation', () => {
  const COLD: Observation = { upstream: null, figures: [{ name: 'ColdStarts', unit: 'Count', value: 1 }] };

  test('is a cold start once, however many messages it had, and under no upstream', () => {
    const actions = [actionOf({ cold: true }), actionOf({ cold: true, upstream: 'word' })];
    const cold = observationsOf(actions, true).filter(({ figures }) => figures[0]?.name === 'ColdStarts');
    expect(cold).toEqual([COLD]);
  });

  test('is a cold start also when it had no message at all', () => {
    expect(observationsOf([], true)).toEqual([COLD]);
  });

  /** Of a batch, whose lines each say what there was of the whole request until then. */
  const batch = (upstreams: readonly string[]) =>
    upstreams.map((upstream, index) => actionOf({ upstream, dynamodbRequests: index + 2 }));

  const storeRequests = (observations: readonly Observation[]) =>
    observations.flatMap(({ upstream, figures }) =>
      figures.flatMap(({ name, value }) => (name === 'DynamodbRequests' ? [[upstream, value]] : [])),
    );

  test('counts the requests to DynamoDB of a batch once, under the upstream that all of it was for', () => {
    const ten = Array.from({ length: 10 }, () => 'time');
    expect(storeRequests(observationsOf(batch(ten), false))).toEqual([['time', 11]]);
  });

  test('counts those of a batch for several upstreams under no name', () => {
    expect(storeRequests(observationsOf(batch(['time', 'word']), false))).toEqual([[null, 3]]);
  });

  test('counts those of each HTTP request', () => {
    const other = actionOf({ requestId: 'request-2', dynamodbRequests: 5 });
    expect(storeRequests(observationsOf([...batch(['time']), other], false))).toEqual([
      ['time', 2],
      ['time', 5],
    ]);
  });

  test('counts each defect, of a call or beside one, under no upstream', () => {
    const defect: Observation = { upstream: null, figures: [{ name: 'Defects', unit: 'Count', value: 1 }] };
    expect(observationsOf([{ kind: 'defect' }, { kind: 'defect' }], false)).toEqual([defect, defect]);
  });

  test('in which nothing happened is nothing', () => {
    expect(observationsOf([], false)).toEqual([]);
  });
});

describe('a notice', () => {
  const observed = (notice: Notice) => observationsOf([notice], false);

  test.for([
    ['breaker-opened', 1],
    ['breaker-closed', 0],
  ] as const)('of %s is a breaker that is at %i', ([kind, value]) => {
    expect(observed({ kind, upstream: 'time' })).toEqual([
      { upstream: 'time', figures: [{ name: 'BreakerOpen', unit: 'Count', value }] },
    ]);
  });

  test('of a tool that is held back is counted, without its name', () => {
    expect(observed({ kind: 'tool-held', upstream: 'time', tool: 'convert' })).toEqual([
      { upstream: 'time', figures: [{ name: 'ToolsHeld', unit: 'Count', value: 1 }] },
    ]);
  });

  test('of an outcome that nobody knows is counted, and its repetitions are not', () => {
    expect(observed({ kind: 'outcome-unknown', upstream: 'time' })).toEqual([
      { upstream: 'time', figures: [{ name: 'UnknownOutcomes', unit: 'Count', value: 1 }] },
    ]);
  });

  test.for([
    { kind: 'upstream-unavailable', upstream: 'time', member: 'tools', reason: 'upstream-reset' },
    { kind: 'list-changed', upstream: 'time', member: 'tools', added: ['a'], changed: [], removed: [] },
    { kind: 'claim-lost', server: 'default', upstream: 'time', owner: 'word', name: 'a' },
    { kind: 'name-too-long', server: 'default', upstream: 'time', name: 'a' },
    { kind: 'secret-unavailable', secret: 'time/token', reason: 'AccessDeniedException' },
  ] as Notice[])('of $kind is for readers of the log only', (notice) => {
    expect(observed(notice)).toEqual([]);
  });
});

test('names of tools, callers and sessions are in no figure', () => {
  const action = actionOf({
    tool: 'secret-tool',
    caller: 'secret-caller',
    session: 'secret-session',
    server: 'secret',
  });
  const observations = observationsOf([{ ...action, outcome: 'error', errorKind: 'secret' }], false);
  expect(JSON.stringify(observations)).not.toContain('secret');
});

test('the name that an object inherits is no kind of failure', () => {
  expect(layerOf({ outcome: 'error', errorKind: 'constructor' })).toBe('upstream');
});
