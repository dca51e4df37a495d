import { describe, expect, test } from 'vitest';
import { openFront, type Front } from '../../lib/local/front.ts';
import { send } from '../support/wire.ts';
import { cleanUpAfterTest } from './kit.ts';

async function open(port = 0): Promise<Front> {
  const front = await openFront(port);
  cleanUpAfterTest(async () => front.close());
  return front;
}

describe('the front', () => {
  test.for([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io:80',
    'user@localhost',
    '10.0.0.1',
    'localhost:x',
  ])('is closed to the Host %s', async (host) => {
    const front = await open();
    front.serve((_request, response) => response.end('served'));
    const answer = await send('POST', front.origin, '{}', { host });
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text)).toEqual({
      jsonrpc: '2.0',
      error: { code: -32600, message: expect.stringContaining('localhost') },
    });
  });

  test.for(['localhost', 'localhost:1234', '127.0.0.1:80', '[::1]:8787', 'LOCALHOST:8787'])(
    'is open to the Host %s',
    async (host) => {
      const front = await open();
      front.serve((_request, response) => response.end('served'));
      expect((await send('GET', front.origin, '', { host })).text).toBe('served');
    },
  );

  test('lets requests wait that come before it serves', async () => {
    const front = await open();
    const early = send('GET', front.origin, '');
    const forbidden = await send('GET', front.origin, '', { host: 'evil.example' });
    expect(forbidden.status).toBe(403);
    front.serve((_request, response) => response.end('served'));
    expect((await early).text).toBe('served');
  });

  test('says so when its port is taken', async () => {
    const { port } = new URL((await open()).origin);
    await expect(open(Number(port))).rejects.toMatchObject({ code: 'EADDRINUSE', syscall: 'listen' });
  });
});
