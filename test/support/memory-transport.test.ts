import { describe, expect, test } from 'vitest';
import type { UpstreamHttpResponse } from '../../lib/ports/transport.ts';
import { createMemoryTransport, MemoryBody, type Answer } from './memory-transport.ts';

function start(answer: Answer | Promise<Answer>) {
  const transport = createMemoryTransport(() => answer);
  const controller = new AbortController();
  const request = {
    url: 'http://127.0.0.1/mcp',
    method: 'POST',
    headers: {},
    body: '{}',
    connectTimeoutMs: 3000,
    signal: controller.signal,
  } as const;
  return { transport, controller, request, send: () => transport.send(request) };
}

async function respond(answer: Answer) {
  const started = start(answer);
  const response = await started.send();
  if (response.kind === 'failure') throw new Error(`There is no response: ${response.cause}`);
  return { ...started, response, state: () => started.transport.exchanges[0]?.state };
}

async function readText({ body }: UpstreamHttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('a request is kept as it was sent', async () => {
  const { transport, request, send } = start({ status: 204 });
  await send();
  expect(transport.requests).toEqual([request]);
});

test('a failure is told as it was given', async () => {
  const { send } = start({ failure: 'reset', sent: true });
  expect(await send()).toEqual({ kind: 'failure', cause: 'reset', sent: true });
});

describe('a body', () => {
  test('that is read to its end is drained', async () => {
    const { response, state } = await respond({ status: 200, body: 'text' });
    expect([await readText(response), state()]).toEqual(['text', 'drained']);
  });

  test('comes when it comes', async () => {
    const body = new MemoryBody();
    const { response } = await respond({ status: 200, body });
    const text = readText(response);
    body.push('a');
    await Promise.resolve();
    body.push('b');
    body.end();
    expect(await text).toBe('ab');
  });

  test('that breaks gives what came before, and then an error', async () => {
    const body = new MemoryBody();
    body.push('a');
    body.break();
    const { response, state } = await respond({ status: 200, body });
    const reader = response.body[Symbol.asyncIterator]();
    expect(await reader.next()).toMatchObject({ done: false });
    await expect(reader.next()).rejects.toThrow('broke');
    expect(state()).toBe('broken');
  });

  test('is open until somebody ends it', async () => {
    expect((await respond({ status: 200, body: 'text' })).state()).toBe('open');
  });

  test('that is closed gives an error to whoever still waits', async () => {
    const { response, state } = await respond({ status: 200, body: new MemoryBody() });
    const text = readText(response);
    response.close();
    await expect(text).rejects.toThrow('closed');
    expect(state()).toBe('closed');
  });

  test('that is closed after its end stays drained', async () => {
    const { response, state } = await respond({ status: 200, body: 'text' });
    await readText(response);
    response.close();
    expect(state()).toBe('drained');
  });

  test('that is closed when it has come as a whole can still be read', async () => {
    const { response } = await respond({ status: 200, body: 'text' });
    response.close();
    expect(await readText(response)).toBe('text');
  });

  test('whose reader stops early is closed', async () => {
    const { response, state } = await respond({ status: 200, body: 'text' });
    for await (const _ of response.body) break;
    expect(state()).toBe('closed');
  });
});

describe('an aborted signal', () => {
  test('keeps a request from being sent', async () => {
    const { controller, send, transport } = start({ status: 204 });
    controller.abort();
    expect(await send()).toEqual({ kind: 'failure', cause: 'aborted', sent: false });
    expect(transport.exchanges[0]?.state).toBe('failed');
  });

  test('ends the wait for an answer', async () => {
    const { controller, send } = start(new Promise(() => {}));
    const sent = send();
    controller.abort();
    expect(await sent).toEqual({ kind: 'failure', cause: 'aborted', sent: true });
  });

  test('breaks the body', async () => {
    const { controller, response, state } = await respond({ status: 200, body: new MemoryBody() });
    const text = readText(response);
    controller.abort();
    await expect(text).rejects.toThrow('aborted');
    expect(state()).toBe('broken');
  });
});
