import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../infra/configuration.ts';
import { readOptions } from '../../infra/options.ts';
import { SynthError } from '../../infra/synth-error.ts';
import { folderOfThisFile } from './kit.ts';
import { LEAST } from './samples.ts';

const folder = folderOfThisFile();

/** What is said of a file, without its first line, which names it; empty when there is nothing to say. */
function saidOf(file: object | string): string[] {
  const path = join(folder, 'gateway.config.json');
  writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file));
  try {
    readConfiguration(path);
  } catch (error) {
    if (!(error instanceof SynthError)) throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

const saidOfUpstream = (time: object) => saidOf({ ...LEAST, upstreams: { time } });

const UNREACHABLE = 'expected an address that can be reached from where the gateway is deployed';

describe('a configuration that cannot be deployed', () => {
  it('has a command', () => {
    expect(saidOfUpstream({ command: 'npx' })).toEqual([
      'upstreams.time.command: expected a url in its place: commands are run by the local gateway only',
    ]);
  });

  it('has an upstream at a loopback address', () => {
    expect(saidOfUpstream({ url: 'http://localhost:9081/mcp' })).toEqual([
      `upstreams.time.url: ${UNREACHABLE}, found a loopback address`,
    ]);
  });

  it('has an upstream of the demo', () => {
    expect(saidOfUpstream({ url: 'http://127.0.0.1:9081/mcp' })).toEqual([
      `upstreams.time.url: ${UNREACHABLE}, found a loopback address`,
    ]);
  });

  it('has a tool that takes longer than a function may', () => {
    const tools = { report: { timeoutMs: 895_001 } };
    expect(saidOfUpstream({ url: 'https://time.example/mcp', tools })).toEqual([
      expect.stringMatching(/^upstreams\.time\.tools\.report\.timeoutMs: expected .* to 895000/),
    ]);
  });

  it('has an upstream that takes longer than a function may', () => {
    expect(saidOfUpstream({ url: 'https://time.example/mcp', timeoutMs: 895_001 })).toEqual([
      expect.stringMatching(/^upstreams\.time\.timeoutMs: expected .*895000/),
    ]);
  });

  it('is open to everyone without saying that this is meant', () => {
    expect(saidOf({ ...LEAST, auth: { mode: 'none' } })).toEqual([
      expect.stringMatching(/^auth\.iUnderstandThisIsOpen: expected true/),
    ]);
  });

  it('has a mistake in it, and each is listed', () => {
    expect(saidOf({ ...LEAST, refresh: 'hourly', deployment: { memoryMb: 1 } })).toEqual([
      expect.stringMatching(/^refresh: expected /),
      expect.stringMatching(/^deployment\.memoryMb: expected /),
    ]);
  });

  it('is no JSON', () => {
    expect(saidOf('{')).toEqual([expect.stringMatching(/^line 1, column 2: expected /)]);
  });

  it('is not there, which says what to do', () => {
    expect(() => readConfiguration(join(folder, 'missing.json'))).toThrow(
      /missing\.json: there is no such file\n.*docs\/configuration\.md.*-c config=FILE/,
    );
  });

  it('is a folder', () => {
    expect(() => readConfiguration(folder)).toThrow(/cannot be read \(EISDIR\)/);
  });
});

describe('a configuration that can be deployed', () => {
  it.each([
    ['nothing but an upstream', {}],
    ['an endpoint that is meant to be open', { auth: { mode: 'none', iUnderstandThisIsOpen: true } }],
    ['an endpoint for signed requests', { auth: { mode: 'iam' } }],
  ])('has %s', (_what, more) => {
    expect(saidOf({ ...LEAST, ...more })).toEqual([]);
  });
});

describe('the options', () => {
  const given = (context: Readonly<Record<string, unknown>>) =>
    readOptions({ tryGetContext: (name: string) => context[name] });

  it('are the usual file and the usual name when nothing is said', () => {
    expect(given({})).toEqual({ configFile: 'gateway.config.json', stackName: 'Sluice' });
  });

  it('are those that are given', () => {
    expect(given({ config: 'other.json', stack: 'Team-2' })).toEqual({ configFile: 'other.json', stackName: 'Team-2' });
  });

  it.each([
    { config: '' },
    { config: true },
    { stack: '' },
    { stack: '2nd' },
    { stack: 'a_b' },
    { stack: 'x'.repeat(65) },
  ])('are not %o', (context) => {
    expect(() => given(context)).toThrow(SynthError);
  });
});
