import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { EmulatorOptions } from '../../lib/local/emulator/emulator.ts';
import { openStage } from './stage.ts';

test('a stage whose function does not start leaves neither its gates nor its folder', async () => {
  let given: EmulatorOptions | undefined;
  const opening = openStage((options) => {
    given = options;
    return Promise.reject(new Error('the client does not load'));
  });
  await expect(opening).rejects.toThrow('the client does not load');
  expect(existsSync(given!.handlerFile)).toBe(false);
  await expect(fetch(`${given!.variables['GATES']}/any`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});
