import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startFunction } from '../../lib/local/emulator/emulator.ts';
import { send } from '../support/wire.ts';
import { RuntimeProcess } from './environment.ts';

const RUNTIME = fileURLToPath(new URL('fixtures/runtime.ts', import.meta.url));

type Play = 'answers' | 'hangs' | 'exits' | 'exits-at-once' | 'fails-to-load';

interface Played {
  readonly origin: string;
  readonly reports: readonly string[];
  /** Resolves with what the runtime has written once it is so many lines. */
  lines(count: number): Promise<readonly string[]>;
  environments(): readonly string[];
}

/** A function whose runtime does what `play` says, an environment at a time; ended after the test. */
async function start(play: Play, timeoutMs = 30_000): Promise<Played> {
  const reports: string[] = [];
  const lines: string[] = [];
  const output = new EventEmitter();
  const running = await startFunction(
    { limit: 1, affinity: false, isSigned: false },
    (id) =>
      new RuntimeProcess({
        id,
        program: [RUNTIME, play],
        variables: { PATH: process.env['PATH'] ?? '' },
        functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:test',
        timeoutMs,
        report: (line) => reports.push(line),
        onLine: (line) => {
          lines.push(line);
          output.emit('line');
        },
      }),
  );
  onTestFinished(() => running.close());
  const server = createServer((request, response) => running.handle(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reports,
    lines: async (count) => {
      while (lines.length < count) await once(output, 'line');
      return lines;
    },
    environments: () => running.environments.map(({ id, state, invocations }) => `${id} ${state} ${invocations}`),
  };
}

describe('a runtime in a process of its own', () => {
  test('serves one invocation after the other, and what it writes is heard', async () => {
    const { origin, lines, reports, environments } = await start('answers');
    for (let call = 0; call < 3; call += 1) expect((await send('GET', origin, '')).status).toBe(204);
    expect(environments()[0]).toMatch(/^env-1 .* 3$/);
    expect((await lines(3)).join(',')).toMatch(/^(took [0-9a-f-]{36}(,|$)){3}$/);
    expect(reports).toEqual([]);
  });

  test('is killed at the timeout', async () => {
    const { origin, reports, environments } = await start('hangs', 500);
    expect((await send('GET', origin, '')).status).toBe(502);
    expect(reports).toEqual([expect.stringMatching(/^env-1 [0-9a-f-]{36} Task timed out after 0\.50 seconds$/)]);
    expect(environments()).toEqual([]);
  });

  test('that ends in the middle of an invocation is a 502, and the next request has another one', async () => {
    const { origin, reports } = await start('exits');
    for (let call = 0; call < 2; call += 1) expect((await send('GET', origin, '')).status).toBe(502);
    expect(reports).toEqual([
      expect.stringMatching(/^env-1 \S{36} exited by itself \(status 4\)$/),
      expect.stringMatching(/^env-2 \S{36} exited by itself \(status 4\)$/),
    ]);
  });

  test('that cannot load its function stops the start, and says why', async () => {
    await expect(start('fails-to-load')).rejects.toThrow(
      'env-1 cannot be used: Runtime.UserCodeSyntaxError Unexpected token',
    );
  });

  test('that ends before it has loaded anything stops the start', async () => {
    await expect(start('exits-at-once')).rejects.toThrow('env-1 exited by itself (status 3)');
  });
});
