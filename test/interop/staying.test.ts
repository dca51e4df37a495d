import { expect, test } from 'vitest';
import type { LoggedAction } from '../support/local-gateway.ts';
import { sessionsWithStreams } from './staying.ts';

const action = (session: string, method: string, status: number): LoggedAction =>
  ({ session, method, status }) as LoggedAction;

test('a session has seen a stream end when it was given one, and not when it was refused', () => {
  const actions = [
    action('one', 'GET', 200),
    action('one', 'tools/list', 200),
    action('one', 'GET', 200),
    action('two', 'GET', 200),
    action('two', 'GET', 404),
    action('three', 'GET', 405),
    action('three', 'GET', 405),
  ];
  expect(sessionsWithStreams(1, actions)).toBe(2);
  expect(sessionsWithStreams(2, actions)).toBe(1);
  expect(sessionsWithStreams(3, actions)).toBe(0);
});
