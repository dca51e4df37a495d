import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startFixture, temporaryFolder } from './kit.ts';

/** The body as far as it came, and whether it came to its end. */
async function openStream(url: string): Promise<{ text: string; whole: boolean }> {
  const response = await fetch(url);
  let text = '';
  try {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
    return { text, whole: true };
  } catch {
    return { text, whole: false };
  }
}

describe('an invocation that fails', () => {
  test('before its answer is a 502 that tells nothing, and its environment serves on', async () => {
    const fixture = await startFixture({ limit: 1 });
    expect(await fixture.call('/throw')).toMatchObject({ status: 502, text: 'Internal Server Error' });
    expect(fixture.reports).toEqual([expect.stringContaining('before the answer')]);
    expect((await fixture.call('/event')).messages[0]).toMatchObject({ environment: 'env-1', invocations: 2 });
  });

  test('in the middle of its answer leaves a 200 with a truncated body', async () => {
    const fixture = await startFixture();
    const call = fixture.call('/throw-midway');
    fixture.open(await fixture.take('half'));
    await expect(call).rejects.toThrow('aborted');
    expect(fixture.reports).toEqual([expect.stringContaining('in the middle of the answer')]);
  });

  test('by an exception outside the handler takes its environment with it', async () => {
    const fixture = await startFixture({ limit: 1 });
    expect((await fixture.call('/crash')).status).toBe(502);
    expect(fixture.reports).toEqual([expect.stringMatching(/^env-1 .* crashed: Error: outside the handler/s)]);
    expect((await fixture.call('/event')).messages[0].environment).toBe('env-2');
  });
});

describe('an environment', () => {
  test.for(['/hang', '/spin'])('is killed at the timeout of the function (%s)', async (path) => {
    const fixture = await startFixture({ limit: 1, timeoutMs: 300 });
    expect((await fixture.call(path)).status).toBe(502);
    expect(fixture.reports).toEqual([
      expect.stringMatching(/^env-1 [0-9a-f-]{36} Task timed out after 0\.30 seconds$/),
    ]);
    expect((await fixture.call('/event')).messages[0].environment).toBe('env-2');
  });

  test('can be killed before its answer: the client gets a 502', async () => {
    const fixture = await startFixture();
    const call = fixture.call('/hang');
    await fixture.take('hanging');
    await fixture.emulator.kill('env-1');
    expect((await call).status).toBe(502);
    expect(fixture.reports).toEqual([]);
  });

  test('can be killed in the middle of its answer: the connection of the client ends', async () => {
    const fixture = await startFixture();
    const call = fixture.call('/stream').catch((error: unknown) => error);
    await fixture.take('between');
    await fixture.emulator.kill('env-1');
    expect(await call).toMatchObject({ message: 'aborted' });
  });

  test('can be killed while its code spins', async () => {
    const fixture = await startFixture();
    const call = fixture.call('/spin');
    await fixture.take('spinning');
    await fixture.emulator.kill('env-1');
    expect((await call).status).toBe(502);
  });

  test('can be killed exactly where its code stands still: what it had written arrives, and nothing after', async () => {
    const fixture = await startFixture();
    const stream = openStream(`${fixture.origin}/blocked`);
    await fixture.take('at a point');
    await fixture.emulator.kill('env-1');
    expect(await stream).toEqual({ text: 'written before,', whole: false });
  });

  test('goes on from where its code stands still when the test lets it', async () => {
    const fixture = await startFixture();
    const stream = openStream(`${fixture.origin}/blocked`);
    fixture.open(await fixture.take('at a point'));
    expect(await stream).toEqual({ text: 'written before,written after', whole: true });
  });

  test('that is killed leaves the last line of its log', async () => {
    const file = join(await temporaryFolder(), 'log');
    const fixture = await startFixture({ variables: { LOG_FD: String(openSync(file, 'a')) } });
    const call = fixture.call('/log-and-hang');
    await fixture.take('logged');
    await fixture.emulator.kill('env-1');
    await call;
    expect(readFileSync(file, 'utf8')).toBe('the last line\n');
  });
});

describe('a function that cannot be loaded', () => {
  test('stops the start, and says why', async () => {
    await expect(startFixture({ fixture: 'broken.ts' })).rejects.toThrow('cannot be used: SyntaxError');
  });

  test('stops the start when its handler does not stream', async () => {
    await expect(startFixture({ fixture: 'buffered.ts' })).rejects.toThrow('not a handler that streams');
  });
});
