/** Credentials for upstreams on one's own machine: from a variable, through an environment, to the upstream. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fastTest } from '../../lib/local/demo/fast-test.ts';
import { serveUpstream, type ServedUpstream } from '../../lib/local/demo/serve.ts';
import { resolveConfig, UNSAID } from '../../lib/config/load.ts';
import { requireSecrets } from '../../lib/local/secrets.ts';
import { startTestGateway } from '../support/local-gateway.ts';
import { postModern } from '../support/wire.ts';

describe('the variables', () => {
  const headers = { authorization: { secret: 'time-token', prefix: 'Bearer ' }, 'x-key': { secret: 'k', key: 'a b' } };
  const file = {
    upstreams: { up: { url: 'http://127.0.0.1:1/', headers } },
    servers: { default: { upstreams: ['up'] } },
  };

  const configOf = () => {
    const resolved = resolveConfig(file, UNSAID.local);
    if (!resolved.ok) throw new Error('The configuration is wrong');
    return resolved.config;
  };

  test('have the secrets, one each', () => {
    const variables = { SLUICE_SECRET_TIME_TOKEN: 'one', SLUICE_SECRET_K_A_B: 'two', SLUICE_SECRET_OTHER: 'three' };
    expect(requireSecrets(configOf(), variables)).toEqual({
      '["secretsmanager","time-token"]': 'one',
      '["secretsmanager","k","a b"]': 'two',
    });
  });

  test.each([{}, { SLUICE_SECRET_TIME_TOKEN: '', SLUICE_SECRET_K_A_B: 'two' }])(
    'that are not set are named, and no others (%j)',
    (variables) => {
      const wanted = ['SLUICE_SECRET_TIME_TOKEN', 'SLUICE_SECRET_K_A_B'];
      const missing = wanted.filter((name) => !(variables as Record<string, string>)[name]);
      expect(() => requireSecrets(configOf(), variables)).toThrow(
        `Secrets come from environment variables here, and these are not set: ${missing.join(', ')}`,
      );
    },
  );
});

describe('an upstream that wants a token', () => {
  let upstream: ServedUpstream;
  let guard: ReturnType<typeof createServer>;

  /** In front of a demo upstream, which takes whoever comes. */
  beforeEach(async () => {
    upstream = await serveUpstream(fastTest());
    guard = createServer((request, response) => void forward(request, response)).listen(0, '127.0.0.1');
    await once(guard, 'listening');
  });

  afterEach(async () => {
    guard.closeAllConnections();
    guard.close();
    await upstream.close();
  });

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.authorization !== 'Bearer hunter2') {
      response.writeHead(401).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const answer = await fetch(upstream.url, {
      method: request.method!,
      headers: headers as Record<string, string>,
      body: Buffer.concat(chunks),
    });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(await answer.text());
  }

  const start = (secrets: Record<string, string>) => {
    const url = `http://127.0.0.1:${(guard.address() as AddressInfo).port}/mcp`;
    const headers = { authorization: { secret: 'test-token', prefix: 'Bearer ' } };
    return startTestGateway(
      { upstreams: { test: { url, headers, era: 'modern' } }, servers: { default: { upstreams: ['test'] } } },
      { secrets, environments: 2 },
    );
  };

  test('gets it from an environment that was given it, and the log does not', async () => {
    const gateway = await start({ '["secretsmanager","test-token"]': 'hunter2' });
    try {
      const call = { name: 'test__echo', arguments: { message: 'hi' } };
      const { messages } = await postModern(gateway.url(), 'tools/call', call);
      expect(messages[0].result.content).toMatchObject([{ text: 'hi' }]);
      expect(gateway.logLines().join('\n')).not.toContain('hunter2');
    } finally {
      await gateway.close();
    }
  });

  test('is not called with another one that is wrong without saying so', async () => {
    const gateway = await start({ '["secretsmanager","test-token"]': 'hunter3' });
    try {
      const { messages } = await postModern(gateway.url(), 'tools/call', { name: 'test__echo' });
      expect(messages[0].error).toMatchObject({ code: 1013, data: { upstream: 'test', mayHaveRun: false } });
      expect(JSON.stringify([messages, gateway.logLines()])).not.toContain('hunter3');
    } finally {
      await gateway.close();
    }
  });
});
