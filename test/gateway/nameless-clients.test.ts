/** Modern clients need not say who they are; the sessions of legacy upstreams begin with who the client is. */
import { expect, onTestFinished, test } from 'vitest';
import { fastTest } from '../../lib/local/demo/fast-test.ts';
import { serveUpstream } from '../../lib/local/demo/serve.ts';
import { modernRequest } from '../support/wire.ts';
import { openGateway } from './fixtures.ts';

async function openInFrontOfSessions() {
  const upstream = await serveUpstream(fastTest(), { eras: ['legacy'] });
  onTestFinished(() => upstream.close());
  return await openGateway({ url: upstream.url });
}

/** `clientInfo` undefined leaves it out. */
function requestOf(clientInfo: object | undefined, method: string, params: Readonly<Record<string, unknown>> = {}) {
  const { body, headers } = modernRequest(method, params);
  body.params._meta['io.modelcontextprotocol/clientInfo'] = clientInfo;
  return [body, headers] as const;
}

const NAMELESS = [undefined, {}, { name: 'without a version' }];

test.each(NAMELESS)('a client that says %j of itself has its tool called in a session', async (clientInfo) => {
  const { client } = await openInFrontOfSessions();
  const params = { name: 'up__echo', arguments: { message: 'hello' } };
  const { messages } = await client.post(...requestOf(clientInfo, 'tools/call', params));
  expect(messages[0].result).toMatchObject({ content: [{ type: 'text', text: 'hello' }] });
});

test.each(NAMELESS)('a client that says %j of itself hears what its upstream is', async (clientInfo) => {
  const { client, notices } = await openInFrontOfSessions();
  const { messages } = await client.post(...requestOf(clientInfo, 'server/discover'));
  expect(messages[0].result.instructions).toMatch(/predictable tools/);
  expect(notices).toEqual([]);
});
