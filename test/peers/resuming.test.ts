/** The official SDK's clients lose their connections to the gateway as it is deployed, and get their answers all the same. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Client } from '@modelcontextprotocol/client';
import type { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../support/local-gateway.ts';
import { startResumableUpstream } from '../support/resumable-upstream.ts';
import { connectV1, connectV2 } from '../support/sdk-clients.ts';

interface Progress {
  readonly progress: number;
}

/** A client of either SDK, as far as these tests need one. */
interface Resuming {
  call(onprogress: (progress: Progress) => void): Promise<unknown>;
}

type Connect = (url: string, fetch: typeof globalThis.fetch) => Promise<Resuming>;

const CALL = { name: 'up__steps', arguments: {} };

const CLIENTS: Readonly<Record<string, Connect>> = {
  'SDK v1': async (url, fetch) => resumingV1(await opened(connectV1(url, { fetch }))),
  ...Object.fromEntries(
    (['2025-11-25', '2025-06-18', '2025-03-26'] as const).map((legacyVersion): [string, Connect] => [
      `SDK v2, ${legacyVersion}`,
      async (url, fetch) => resumingV2(await opened(connectV2(url, 'legacy', { fetch, legacyVersion }))),
    ]),
  ),
};

async function opened<C>(connecting: Promise<{ readonly client: C; close(): Promise<void> }>): Promise<C> {
  const { client, close } = await connecting;
  onTestFinished(close);
  return client;
}

const resumingV1 = (client: ClientV1): Resuming => ({
  call: async (onprogress) => (await client.callTool(CALL, undefined, { onprogress }))['content'],
});

const resumingV2 = (client: Client): Resuming => ({
  call: async (onprogress) => (await client.callTool(CALL, { onprogress })).content,
});

/** `fetch` whose connections a test can cut, and what it was used for. */
function cuttable() {
  const open = new Set<AbortController>();
  const resumed: (string | null)[] = [];
  const cutting: typeof fetch = async (input, init) => {
    const connection = new AbortController();
    const onAbort = (): void => connection.abort();
    init?.signal?.addEventListener('abort', onAbort, { once: true });
    const lastEventId = new Headers(init?.headers).get('last-event-id');
    if (lastEventId !== null) resumed.push(lastEventId);
    const response = await fetch(input, { ...init, signal: connection.signal });
    if (response.headers.get('content-type') === 'text/event-stream') open.add(connection);
    return response;
  };
  return {
    fetch: cutting,
    resumed,
    cut(): void {
      for (const connection of open) connection.abort(new Error('The connection was cut'));
      open.clear();
    },
  };
}

/** The upstream's limits, and how many environments there are, are the test's. */
async function openGateway(options: TestGatewayOptions = {}, limits: object = {}) {
  const upstream = await startResumableUpstream();
  onTestFinished(() => upstream.stop());
  const gateway: TestGateway = await startTestGateway(
    { upstreams: { up: { url: upstream.url, ...limits } }, servers: { default: { upstreams: ['up'] } } },
    options,
  );
  onTestFinished(() => gateway.close());
  return { upstream, gateway };
}

/** Collects progress, and tells when it has come so far. */
function progressWatch() {
  const seen: number[] = [];
  let news = Promise.withResolvers<void>();
  return {
    seen,
    note({ progress }: Progress): void {
      seen.push(progress);
      news.resolve();
      news = Promise.withResolvers();
    },
    async reached(count: number): Promise<void> {
      while (!seen.includes(count)) await news.promise;
    },
  };
}

function busyIn({ emulator }: TestGateway): readonly string[] {
  return emulator.environments.filter(({ state }) => state === 'busy').map(({ id }) => id);
}

const DONE = [{ type: 'text', text: 'done' }];

describe.each(Object.entries(CLIENTS))('%s', (_, connect) => {
  test('that loses its connection in the middle of a call misses nothing of it', async () => {
    const { upstream, gateway } = await openGateway();
    const connections = cuttable();
    const client = await connect(gateway.url(), connections.fetch);
    const progress = progressWatch();
    const result = client.call(progress.note);
    const call = await upstream.nextCall();
    await call.progress(1);
    await progress.reached(1);
    connections.cut();
    await call.progress(2);
    await progress.reached(2);
    connections.cut();
    await call.progress(3);
    call.answer('done');
    expect(await result).toEqual(DONE);
    expect(progress.seen).toEqual([1, 2, 3]);
    expect(upstream.calls).toBe(1);
    expect(connections.resumed).toHaveLength(2);
    expect(gateway.reports).toEqual([]);
  });
});

// Each SDK once: an environment takes its time to end.
describe.each(['SDK v1', 'SDK v2, 2025-11-25'])('%s', (name) => {
  const connect = CLIENTS[name]!;

  test('whose environment ends goes on in another one', async () => {
    const { upstream, gateway } = await openGateway({ timeoutMs: 4000 }, { timeoutMs: 60_000 });
    const connections = cuttable();
    const client = await connect(gateway.url(), connections.fetch);
    const progress = progressWatch();
    const result = client.call(progress.note);
    const call = await upstream.nextCall();
    await call.progress(1);
    await progress.reached(1);
    await upstream.resumed;
    await call.progress(2);
    await progress.reached(2);
    call.answer('done');
    expect(await result).toEqual(DONE);
    expect(progress.seen).toEqual([1, 2]);
    expect(upstream.calls).toBe(1);
    expect(gateway.reports).toEqual([]);
  });

  test('whose environment is killed is told that its call may have run', async () => {
    const { upstream, gateway } = await openGateway({ timeoutMs: 4000 });
    const connections = cuttable();
    const client = await connect(gateway.url(), connections.fetch);
    const progress = progressWatch();
    const result = client.call(progress.note);
    const failure = result.then(
      () => undefined,
      (error: unknown) => error,
    );
    const call = await upstream.nextCall();
    await call.progress(1);
    await progress.reached(1);
    const [holder] = busyIn(gateway);
    // Whoever has had something of it from elsewhere knows that it is kept.
    connections.cut();
    await call.progress(2);
    await progress.reached(2);
    await gateway.emulator.kill(holder!);
    expect(await failure).toMatchObject({ code: 1027, data: { mayHaveRun: true } });
    expect(upstream.calls).toBe(1);
  });
});
