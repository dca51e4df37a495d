/** Requests with secrets in them, on their way to the upstream. */
import { describe, expect, test } from 'vitest';
import type { PlainHttpRequest, PlainHttpTransport } from '../../../lib/adapters/node/http-exchange.ts';
import { SecretError } from '../../../lib/adapters/secrets/secret.ts';
import { Secrets } from '../../../lib/adapters/secrets/secrets.ts';
import { withSecrets } from '../../../lib/adapters/secrets/transport.ts';
import type { SecretReference, UpstreamHttpResponse } from '../../../lib/ports/transport.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const TOKEN: SecretReference = { secret: 'time-token', store: 'ssm', prefix: 'Bearer ' };

function open(status = 200) {
  const clock = createManualClock();
  const values = ['one', 'two'];
  const sent: PlainHttpRequest[] = [];
  const http: PlainHttpTransport = {
    send: async (request) => {
      sent.push(request);
      const body = (async function* () {})();
      return { kind: 'response', status, headers: {}, body, close: () => {} } satisfies UpstreamHttpResponse;
    },
  };
  let opened = 0;
  const transport = withSecrets(http, async () => {
    opened += 1;
    const read = async (): Promise<string> => {
      const value = values.shift();
      if (value === undefined) throw new SecretError('none left', { isAnswer: true });
      return value;
    };
    return new Secrets({ given: {}, read, clock, report: () => {} });
  });
  const send = (headers: Record<string, string | SecretReference>, signal = new AbortController().signal) =>
    transport.send({ url: 'http://x/', method: 'POST', headers, body: '{}', connectTimeoutMs: 1000, signal });
  return { send, sent, clock, values, opened: () => opened };
}

describe('a request', () => {
  test('without secrets goes as it is, and nothing is loaded for it', async () => {
    const { send, sent, opened } = open();
    await send({ 'x-team': 'search' });
    expect(sent).toMatchObject([{ headers: { 'x-team': 'search' } }]);
    expect(opened()).toBe(0);
  });

  test('with a secret goes with its value', async () => {
    const { send, sent, opened } = open();
    for (let turn = 0; turn < 3; turn += 1) await send({ 'x-team': 'search', authorization: TOKEN });
    expect(sent.map(({ headers }) => headers)).toEqual(
      Array.from({ length: 3 }, () => ({ 'x-team': 'search', authorization: 'Bearer one' })),
    );
    expect(opened()).toBe(1);
  });

  test('whose secret cannot be had is not sent', async () => {
    const { send, sent, values } = open();
    values.length = 0;
    expect(await send({ authorization: TOKEN })).toEqual({ kind: 'failure', cause: 'secret-unavailable', sent: false });
    expect(sent).toEqual([]);
  });

  test('whose secrets could not be loaded does not spoil the next one', async () => {
    const http: PlainHttpTransport = { send: () => Promise.reject(new Error('never sent')) };
    let opened = 0;
    const transport = withSecrets(http, () => {
      opened += 1;
      return Promise.reject(new Error('not loaded'));
    });
    const headers = { authorization: TOKEN };
    const { signal } = new AbortController();
    const request = { url: 'http://x/', method: 'POST', headers, body: '{}', connectTimeoutMs: 1000, signal } as const;
    for (const turn of [1, 2]) {
      await expect(transport.send(request)).rejects.toThrow('not loaded');
      expect(opened).toBe(turn);
    }
  });

  test('that was given up meanwhile is not sent', async () => {
    const { send, sent } = open();
    expect(await send({ authorization: TOKEN }, AbortSignal.abort())).toMatchObject({ cause: 'aborted', sent: false });
    expect(sent).toEqual([]);
  });

  test.each([
    [401, 'two'],
    [403, 'one'],
    [200, 'one'],
  ])('that is answered %i after a minute leads to the value %j for the next one', async (status, value) => {
    const { send, sent, clock } = open(status);
    await send({ authorization: TOKEN });
    clock.advance(60_000);
    await send({ authorization: TOKEN });
    await send({ authorization: TOKEN });
    expect(sent[2]!.headers).toEqual({ authorization: `Bearer ${value}` });
  });
});
