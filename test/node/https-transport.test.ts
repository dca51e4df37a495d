import { createServer } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { createHttpTransport } from '../../lib/adapters/node/http-transport.ts';
import { fetchText, requestTo } from './exchange.ts';
import { createSelfSigned } from './self-signed.ts';
import { closed, listen } from './servers.ts';

const credentials = createSelfSigned();

/** Answers with the number of requests it has had. */
async function serveTls() {
  const requests: string[] = [];
  const server = createServer(credentials, (incoming, response) => {
    requests.push(incoming.url ?? '');
    response.end(String(requests.length));
  });
  // A client that does not trust the certificate breaks off.
  server.on('tlsClientError', () => {});
  const { port, sockets, accepted } = await listen(server);
  return { url: `https://127.0.0.1:${port}/mcp`, requests, sockets, accepted };
}

function trustSelfSigned(): void {
  const before = getCACertificates();
  setDefaultCACertificates([...before, credentials.cert]);
  onTestFinished(() => setDefaultCACertificates(before));
}

test('a connection over TLS is used again', async () => {
  trustSelfSigned();
  const server = await serveTls();
  const transport = createHttpTransport();
  const answers = [await fetchText(transport, server.url), await fetchText(transport, server.url)];
  expect([answers, server.sockets.length]).toEqual([['1', '2'], 1]);
});

test('a connection over TLS that the server has closed is replaced', async () => {
  trustSelfSigned();
  const server = await serveTls();
  const transport = createHttpTransport();
  for (let round = 1; round <= 10; round += 1) {
    expect(await fetchText(transport, server.url)).toBe(String(round));
    server.sockets.at(-1)?.destroy();
  }
});

test('a connection over TLS that was idle for more than four seconds is not used again', async () => {
  trustSelfSigned();
  const server = await serveTls();
  let now = 1_000_000;
  const transport = createHttpTransport({ now: () => now });
  await fetchText(transport, server.url);
  now += 4001;
  await fetchText(transport, server.url);
  expect(server.sockets).toHaveLength(2);
});

test('a server whose certificate is not trusted gets no byte of the request', async () => {
  const server = await serveTls();
  const answer = await createHttpTransport().send(requestTo(server.url));
  expect(answer).toEqual({ kind: 'failure', cause: 'unreachable', sent: false });
  await closed(await server.accepted(1));
  expect(server.requests).toEqual([]);
});

test('an abort in the turn of the request leaves no half-made connection to the next one', async () => {
  trustSelfSigned();
  const server = await serveTls();
  const transport = createHttpTransport();
  const controller = new AbortController();
  const answer = transport.send(requestTo(server.url, { signal: controller.signal }));
  controller.abort();
  expect(await answer).toEqual({ kind: 'failure', cause: 'aborted', sent: false });
  expect(await fetchText(transport, server.url)).toBe('1');
});
