import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import type { FreezeOrder } from './frozen-environment.ts';
import { startFaultyUpstream } from '../support/faulty-upstream.ts';

test.each(['poll', 'check', 'timers'] as const)(
  'an environment frozen in its %s phase, whose upstream is killed and started again meanwhile, answers the next call',
  async (phase) => {
    const upstream = await startFaultyUpstream({ era: 'legacy', issuesSessions: false });
    const program = new URL('frozen-environment.ts', import.meta.url);
    const environment = new Worker(program, { workerData: { url: upstream.url } });
    onTestFinished(async () => {
      await environment.terminate();
      await upstream.stop();
    });
    for (let round = 0; round < 5; round += 1) {
      const thaw = new Int32Array(new SharedArrayBuffer(4));
      environment.postMessage('connect');
      expect(await once(environment, 'message')).toEqual(['connected']);
      environment.postMessage({ phase, thaw } satisfies FreezeOrder);
      expect(await once(environment, 'message')).toEqual(['frozen']);
      await upstream.stop();
      await upstream.start();
      Atomics.store(thaw, 0, 1);
      Atomics.notify(thaw, 0);
      expect(await once(environment, 'message')).toEqual(['{"jsonrpc":"2.0","id":1,"result":{}}']);
    }
  },
);
