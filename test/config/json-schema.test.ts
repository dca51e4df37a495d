import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { configJsonSchema } from '../../lib/config/json-schema.ts';
import { parseConfig, UNSAID } from '../../lib/config/load.ts';
import { withCommand, withServer, withTop, withUpstream } from './sample.ts';

const run = promisify(execFile);

const at = (path: string) => new URL(`../../${path}`, import.meta.url);

const committed: unknown = JSON.parse(await readFile(at('gateway.config.schema.json'), 'utf8'));

/** Reads the committed schema as any validator would, knowing nothing of the definition it came from. */
const accepts = (file: unknown) => z.fromJSONSchema(committed as z.core.JSONSchema.JSONSchema).safeParse(file).success;

describe('the JSON Schema for editors', () => {
  it('is committed as the definition has it (npm run schema)', () => {
    expect(committed).toEqual(JSON.parse(JSON.stringify(configJsonSchema())));
  });

  it('is draft 2020-12', () => {
    expect(committed).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema' });
  });

  it('is written by its command to the file it is given', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-schema-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'schema.json');
    await run('node', ['lib/config/json-schema.ts', file], { cwd: at('.') });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(committed);
  });

  it('is not written anywhere when its command is given no file', async () => {
    await expect(run('node', ['lib/config/json-schema.ts'], { cwd: at('.') })).rejects.toMatchObject({
      code: 2,
      stderr: 'usage: node lib/config/json-schema.ts FILE\n',
    });
  });

  it('has a text for every key and every value', () => {
    expect(untold(committed, [])).toEqual([]);
  });

  it.each([
    withUpstream({}),
    withUpstream({
      prefix: '',
      era: 'legacy',
      isolation: 'call',
      headers: { 'X-Team': 'search' },
      timeoutMs: 1,
      idleTimeoutMs: 1,
      connectTimeoutMs: 1,
      tools: { 'a b': { timeoutMs: 895_000, idleTimeoutMs: 1, connectTimeoutMs: 1 } },
    }),
    withUpstream({ transport: 'sse', listTtlMs: 0, pin: true }),
    withCommand({}),
    withCommand({ args: ['-v', ''], env: { 'A (b)': '' }, cwd: '.', idleMs: 1, maxProcesses: 1, pin: true }),
    withServer({ tools: ['time__convert_*'] }),
    withServer({ upstreams: ['time', 'clock'] }),
    withTop({
      $schema: 'x',
      refresh: 'off',
      auth: { mode: 'none' },
      origins: ['https://app.example', 'http://localhost:*', 'http://[::1]:8080'],
      limits: { requestBytes: 1 },
    }),
  ])('accepts %j', (file) => {
    expect(accepts(JSON.parse(JSON.stringify(file)))).toBe(true);
  });

  it.each([
    [],
    {},
    { upstreams: {} },
    withTop({ speed: 1 }),
    withTop({ auth: { mode: 'open' } }),
    withTop({ limits: { requestBytes: 0 } }),
    withTop({ origins: ['app.example'] }),
    withUpstream({ prefix: 'p' }, 'Time'),
    withUpstream({ prefix: 'p' }, 'constructor'),
    withUpstream({ url: 'ftp://time.example' }),
    withUpstream({ url: 'http://user:secret@time.example' }),
    withUpstream({ url: 'http://time.example#x' }),
    withUpstream({ prefix: 'a_b' }),
    withUpstream({ era: 'old' }),
    withUpstream({ isolation: 'none' }),
    withUpstream({ headers: { 'x team': 'a' } }),
    withUpstream({ headers: { 'x-team': 'a\nb' } }),
    withUpstream({ timeoutMs: 900_001 }),
    withUpstream({ timeoutMs: 1.5 }),
    withUpstream({ tools: { report: { timeoutMs: 895_001 } } }),
    withUpstream({ tools: { report: { connectTimeoutMs: 900_001 } } }),
    withUpstream({ tools: { report: { speed: 1 } } }),
    withServer({ upstreams: undefined }),
    withServer({ upstreams: [] }),
    withTop({ refresh: 'hourly' }),
    withUpstream({ url: undefined }),
    withUpstream({ command: 'mcp-server-time' }),
    withUpstream({ args: [] }),
    withUpstream({ env: {} }),
    withUpstream({ cwd: '.' }),
    withUpstream({ idleMs: 1 }),
    withUpstream({ maxProcesses: 1 }),
    withUpstream({ transport: 'websocket' }),
    withUpstream({ listTtlMs: 86_400_001 }),
    withUpstream({ pin: 'yes' }),
    withUpstream({ url: '', stdio: { command: 'mcp-server-time' } }),
    withCommand({ command: '' }),
    withCommand({ transport: 'http' }),
    withCommand({ headers: {} }),
    withCommand({ connectTimeoutMs: 1 }),
    withCommand({ args: '-v' }),
    withCommand({ args: ['\u0000'] }),
    withCommand({ env: { 'A=B': 'c' } }),
    withCommand({ env: { A: 7 } }),
    withCommand({ maxProcesses: 0 }),
    withServer({ upstreams: Array.from({ length: 101 }, (_, index) => `n${index}`) }),
    withServer({ tools: ['time__?'] }),
  ])('rejects %j', (file) => {
    expect(accepts(JSON.parse(JSON.stringify(file)))).toBe(false);
  });
});

describe('docs/configuration.md', async () => {
  const page = await readFile(at('docs/configuration.md'), 'utf8');

  it('has examples that the gateway and the schema accept', () => {
    const examples = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      expect(parseConfig(example, UNSAID.deployed)).toMatchObject({ ok: true });
      expect(accepts(JSON.parse(example))).toBe(true);
    }
  });

  it('names every key', () => {
    expect(keysOf(committed).filter((key) => !page.includes(`\`${key}\``))).toEqual([]);
  });
});

interface SchemaNode {
  readonly description?: string;
  readonly title?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | false;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

function childrenOf(node: SchemaNode): [string, SchemaNode][] {
  const children = Object.entries(node.properties ?? {});
  if (node.additionalProperties) children.push(['*', node.additionalProperties]);
  if (node.items) children.push(['[]', node.items]);
  for (const [index, one] of (node.anyOf ?? []).entries()) children.push([`anyOf ${index}`, one]);
  return children;
}

/** Paths of schemas without a description. */
function untold(schema: unknown, path: readonly string[]): string[] {
  const node = schema as SchemaNode;
  const here = (node.description ?? node.title ?? '') === '' ? [path.join('.')] : [];
  return [...here, ...childrenOf(node).flatMap(([key, child]) => untold(child, [...path, key]))];
}

/** Every key that the schema knows by name, at any depth. */
function keysOf(schema: unknown): string[] {
  const node = schema as SchemaNode;
  return [...Object.keys(node.properties ?? {}), ...childrenOf(node).flatMap(([, child]) => keysOf(child))];
}
