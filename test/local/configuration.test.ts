import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openConfiguration } from '../../lib/local/configuration.ts';
import { welcome } from '../../lib/local/welcome.ts';
import { temporaryFolder } from './kit.ts';

async function file(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'gateway.json');
  await writeFile(path, text);
  return path;
}

const CONFIG = {
  upstreams: { time: { url: 'https://time.example/mcp?key=secret' } },
  servers: { default: { upstreams: ['time'] }, clock: { upstreams: ['time'], tools: ['time__convert_*'] } },
};

describe('a configuration', () => {
  test('comes from the named file, with its defaults', async () => {
    const name = await file(JSON.stringify(CONFIG));
    const { config } = await openConfiguration(name);
    expect(config.upstreams['time']).toMatchObject({ prefix: 'time', timeoutMs: 55_000 });
  });

  test('is refused with every bad value when it is wrong', async () => {
    const name = await file(JSON.stringify({ ...CONFIG, upstreams: { time: { url: 'ftp://x', timeoutMs: 'long' } } }));
    const refused = openConfiguration(name);
    await expect(refused).rejects.toThrow(name);
    await expect(refused).rejects.toThrow('upstreams.time.url');
    await expect(refused).rejects.toThrow('upstreams.time.timeoutMs');
  });

  test('is refused when it is not JSON', async () => {
    await expect(openConfiguration(await file('{'))).rejects.toThrow(/line 1/);
  });

  test('is refused when the named file does not exist', async () => {
    await expect(openConfiguration('no-such-file.json')).rejects.toThrow('no-such-file.json: there is no such file');
  });

  test('is refused when the named file is a folder', async () => {
    await expect(openConfiguration(await temporaryFolder())).rejects.toThrow('cannot be read (EISDIR)');
  });
});

describe('the welcome', () => {
  test('names each virtual server, what it fronts and how to connect, and no secret', async () => {
    const name = await file(JSON.stringify(CONFIG));
    const text = welcome(await openConfiguration(name), 'http://127.0.0.1:8787', false);
    expect(text).toMatch(/http:\/\/127\.0\.0\.1:8787\/mcp {8}-> {2}time at https:\/\/time\.example\/mcp$/m);
    expect(text).toMatch(/http:\/\/127\.0\.0\.1:8787\/mcp\/clock {2}-> {2}time at https:\/\/time\.example\/mcp$/m);
    expect(text).toContain('"url": "http://127.0.0.1:8787/mcp"');
    expect(text).not.toContain('secret');
    expect(text).not.toContain('/console');
  });

  test('names the console where there is one', async () => {
    const name = await file(JSON.stringify(CONFIG));
    const text = welcome(await openConfiguration(name), 'http://127.0.0.1:8787', true);
    expect(text).toMatch(/^See what happens: http:\/\/127\.0\.0\.1:8787\/console$/m);
  });
});
