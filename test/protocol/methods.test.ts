import { describe, expect, test } from 'vitest';
import {
  belongsToRequest,
  isLogLevel,
  isServerRequest,
  notificationRule,
  requestRule,
} from '../../lib/protocol/methods.ts';

/** Plan, target, list and whether it is cacheable, of every request of an era that the gateway carries. */
const SHARED = {
  'tools/list': ['all', undefined, 'tools', true],
  'prompts/list': ['all', undefined, 'prompts', true],
  'resources/list': ['all', undefined, 'resources', true],
  'resources/templates/list': ['all', undefined, 'resourceTemplates', true],
  'tools/call': ['one', 'tool', undefined, false],
  'prompts/get': ['one', 'prompt', undefined, false],
  'resources/read': ['one', 'resource', undefined, true],
  'completion/complete': ['one', 'reference', undefined, false],
} as const;

const REQUESTS = {
  modern: {
    ...SHARED,
    'server/discover': ['answer', undefined, undefined, true],
    'subscriptions/listen': ['listen', undefined, undefined, false],
  },
  legacy: {
    ...SHARED,
    initialize: ['answer', undefined, undefined, false],
    ping: ['answer', undefined, undefined, false],
    'resources/subscribe': ['subscribe', 'resource', undefined, false],
    'resources/unsubscribe': ['subscribe', 'resource', undefined, false],
    'logging/setLevel': ['all', undefined, undefined, false],
  },
} as const;

describe.each(['modern', 'legacy'] as const)('in the %s era', (era) => {
  test.each(Object.entries(REQUESTS[era]))('%s is carried as the table says', (method, expected) => {
    const rule = requestRule(method, era);
    expect([rule?.plan, rule?.target, rule?.list, rule?.cacheable]).toEqual(expected);
  });

  const other = Object.keys(REQUESTS[era === 'modern' ? 'legacy' : 'modern']).filter(
    (method) => !(method in REQUESTS[era]),
  );

  test.each([
    ...other,
    'tasks/get',
    'tasks/list',
    'tasks/result',
    'tasks/cancel',
    'sampling/createMessage',
    'elicitation/create',
    'roots/list',
    'notifications/cancelled',
    'Tools/call',
    'tools/call ',
    '',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
  ])('there is no request %j', (method) => {
    expect(requestRule(method, era)).toBeUndefined();
  });
});

test.each([
  ['notifications/initialized', 'answer'],
  ['notifications/cancelled', 'deliver'],
  ['notifications/progress', 'all'],
  ['notifications/roots/list_changed', 'all'],
])('a legacy client may send %s, and the plan is %s', (method, plan) => {
  expect(notificationRule(method, 'legacy')?.plan).toBe(plan);
});

test.each([
  'notifications/message',
  'notifications/tools/list_changed',
  'notifications/tasks/status',
  'tools/call',
  '__proto__',
  'valueOf',
])('a client has no business sending the notification %s', (method) => {
  expect(notificationRule(method, 'legacy')).toBeUndefined();
});

test('a modern client sends no notifications', () => {
  const known = ['notifications/initialized', 'notifications/cancelled', 'notifications/progress'];
  expect(known.map((method) => notificationRule(method, 'modern'))).toEqual([undefined, undefined, undefined]);
});

test.each([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
])('%s announces a change and belongs to no request', (method) => {
  expect(belongsToRequest(method)).toBe(false);
});

test.each([
  'notifications/progress',
  'notifications/message',
  'notifications/elicitation/complete',
  'notifications/vendor/own',
])('%s belongs to the request on whose stream it comes', (method) => {
  expect(belongsToRequest(method)).toBe(true);
});

test.each(['sampling/createMessage', 'elicitation/create', 'roots/list', 'ping'])('a server may ask %s', (method) => {
  expect(isServerRequest(method)).toBe(true);
});

test.each(['tools/call', 'tasks/get', 'sampling/createmessage', ''])('a server may not ask %j', (method) => {
  expect(isServerRequest(method)).toBe(false);
});

test.each(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'])(
  '%s is a log level',
  (level) => {
    expect(isLogLevel(level)).toBe(true);
  },
);

test.each(['warn', 'INFO', '', 7, null, undefined, ['info']])('%j is no log level', (level) => {
  expect(isLogLevel(level)).toBe(false);
});
