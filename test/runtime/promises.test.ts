/** The emulator keeps what AWS's own runtime keeps; the conformance run holds that one to the same. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { startEmulator } from '../../lib/local/emulator/emulator.ts';
import { runtimePromises } from './promises.ts';
import { openStage } from './stage.ts';

describe('the emulator', () => {
  test.for(runtimePromises.map(({ name }) => name))('keeps it: %s', async (name) => {
    const { options, check } = runtimePromises.find((promise) => promise.name === name)!;
    const stage = await openStage(startEmulator, options);
    onTestFinished(() => stage.close());
    await expect(check(stage)).resolves.toBeUndefined();
  });
});
