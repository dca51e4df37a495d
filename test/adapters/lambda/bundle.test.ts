import { openSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Metafile } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { bundleFunction, type FunctionBundle } from '../../../lib/adapters/lambda/bundle.ts';
import { HANDLER_EXPORT, VARIABLES } from '../../../lib/adapters/lambda/names.ts';
import { resolveConfig, UNSAID } from '../../../lib/config/load.ts';
import { startDynamoDb, TABLE_NAME } from '../../../lib/local/dynamodb.ts';
import { startEmulator } from '../../../lib/local/emulator/emulator.ts';
import { cleanUpAfterTest, serve, temporaryFolder } from '../../local/kit.ts';
import { startVerbatimUpstream, type VerbatimUpstream } from '../../support/verbatim-upstream.ts';
import { modernRequest, post, type WireResponse } from '../../support/wire.ts';

/** The files that loading the handler reads, without those that are imported later. */
function readAtOnce({ outputs }: Metafile): string[] {
  const entry = Object.keys(outputs).find((file) => outputs[file]!.entryPoint === 'functions/mcp.ts');
  const reached = new Set([entry!]);
  for (const file of reached) {
    for (const { path, kind, external } of outputs[file]!.imports) {
      if (kind === 'import-statement' && !external) reached.add(path);
    }
  }
  return [...reached];
}

/** The files that a package has gone into. */
function filesWith(packages: RegExp, { file, metafile }: FunctionBundle): string[] {
  return Object.entries(metafile.outputs)
    .filter(([path, { inputs }]) => path.endsWith('.mjs') && Object.keys(inputs).some((input) => packages.test(input)))
    .map(([path]) => join(dirname(file), basename(path)));
}

const WATCHING = /node_modules\/(?:@aws-lambda-powertools\/(?:tracer|metrics)|aws-xray-sdk-core)\//;

const POWERTOOLS = /node_modules\/@aws-lambda-powertools\//;

/** The built function in front of an upstream whose one tool answers. */
async function buildInFrontOf(upstream: VerbatimUpstream): Promise<FunctionBundle> {
  upstream.on('tools/call', ({ idText, answer }) =>
    answer(`{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete","content":[]}}`),
  );
  const resolved = resolveConfig(
    {
      upstreams: { up: { url: upstream.url, era: 'modern' } },
      servers: { default: { upstreams: ['up'] } },
    },
    UNSAID.local,
  );
  if (!resolved.ok) throw new Error('This configuration is valid');
  return bundleFunction({ outdir: await temporaryFolder(), config: resolved.config });
}

async function startUpstream(): Promise<VerbatimUpstream> {
  const upstream = await startVerbatimUpstream();
  cleanUpAfterTest(() => upstream.close());
  return upstream;
}

/** Runs the built function, and calls its tool. */
async function runBundle({ file }: FunctionBundle): Promise<(key?: string) => Promise<WireResponse>> {
  const dynamodb = await startDynamoDb();
  cleanUpAfterTest(() => dynamodb.close());
  const emulator = await startEmulator({
    handlerFile: file,
    handlerExport: HANDLER_EXPORT,
    variables: {
      [VARIABLES.table]: TABLE_NAME,
      [VARIABLES.dynamodbEndpoint]: dynamodb.endpoint,
      [VARIABLES.logFd]: String(openSync('/dev/null', 'w')),
    },
    limit: 1,
    affinity: false,
    isSigned: false,
    timeoutMs: 60_000,
    report: () => undefined,
  });
  cleanUpAfterTest(() => emulator.close());
  const origin = await serve(emulator);
  const { body, headers } = modernRequest('tools/call', { name: 'up__tool', arguments: {} });
  return (key) => post(`${origin}/mcp`, body, { ...headers, ...(key !== undefined && { 'idempotency-key': key }) });
}

describe('the bundle', () => {
  test('reads little at a cold start: no AWS SDK, no Powertools, no validation', async () => {
    const { metafile } = await bundleFunction({ outdir: await temporaryFolder(), config: {} });
    const files = readAtOnce(metafile);
    const inputs = files.flatMap((file) => Object.keys(metafile.outputs[file]!.inputs));
    expect(inputs).toContain('lib/gateway.ts');
    expect(
      inputs.filter((input) => /node_modules\/(@aws-sdk|@smithy|@aws-lambda-powertools|zod)\//.test(input)),
    ).toEqual([]);
    const bytes = files.reduce((sum, file) => sum + metafile.outputs[file]!.bytes, 0);
    expect(bytes).toBeLessThan(150_000);
  });

  test('reads nothing at a cold start of what makes traces and metrics', async () => {
    const { metafile } = await bundleFunction({ outdir: await temporaryFolder(), config: {} });
    const read = readAtOnce(metafile).flatMap((file) => Object.keys(metafile.outputs[file]!.inputs));
    expect(read.filter((input) => WATCHING.test(input))).toEqual([]);
    // It is there for those who want it.
    expect(Object.keys(metafile.inputs).some((input) => WATCHING.test(input))).toBe(true);
  });

  test('holds nothing that hooks into every promise of the process', async () => {
    const { metafile } = await bundleFunction({ outdir: await temporaryFolder(), config: {} });
    const inputs = Object.keys(metafile.inputs);
    expect(
      inputs.filter((input) => /node_modules\/(?:cls-hooked|async-hook-jl|emitter-listener)\//.test(input)),
    ).toEqual([]);
    // What would bring it along is there, with something else in its place.
    expect(inputs.some((input) => /node_modules\/aws-xray-sdk-core\//.test(input))).toBe(true);
    expect(inputs).toContain('lib/adapters/xray/one-context.ts');
  });

  test('is read from one file at a cold start, beside the entry and what every file needs of the bundler', async () => {
    const { metafile } = await bundleFunction({ outdir: await temporaryFolder(), config: {} });
    const files = readAtOnce(metafile);
    const ofSources = files.filter((file) =>
      Object.keys(metafile.outputs[file]!.inputs).some((input) => input.startsWith('lib/')),
    );
    expect(ofSources).toHaveLength(1);
    expect(files.length).toBeLessThanOrEqual(3);
  });

  test('imports none of the modules of Node, some of which would load others that nobody needs', async () => {
    const { metafile } = await bundleFunction({ outdir: await temporaryFolder(), config: {} });
    const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports);
    expect(imported.filter(({ external }) => external === true)).toEqual([]);
  });

  test('has all members of a module of Node that is imported when it is needed, and of one that is required', async () => {
    const outdir = await temporaryFolder();
    const entry = join(outdir, 'entry.mjs');
    await writeFile(
      entry,
      `import { createRequire } from 'node:module';
       export const later = async () => {
         const { AsyncLocalStorage, default: whole } = await import('node:async_hooks');
         return [typeof AsyncLocalStorage, whole.AsyncLocalStorage === AsyncLocalStorage];
       };
       export const required = () => typeof require('node:http').Agent;
       export const usual = typeof createRequire;`,
    );
    const { file } = await bundleFunction({ entry, outdir: join(outdir, 'built'), config: {} });
    const built = (await import(file)) as { later(): Promise<unknown>; required(): unknown; usual: unknown };
    expect(await built.later()).toEqual(['function', true]);
    expect(built.required()).toBe('function');
    expect(built.usual).toBe('function');
  });

  test('is not built when something that is imported lazily has a default export, which would be lost', async () => {
    const outdir = await temporaryFolder();
    const entry = join(outdir, 'entry.mjs');
    await writeFile(entry, "export const later = () => import('./later.mjs');");
    await writeFile(join(outdir, 'later.mjs'), 'export default 1;\n');
    const building = bundleFunction({ entry, outdir: join(outdir, 'built'), config: {} });
    await expect(building).rejects.toThrow('is imported lazily, and has a default export');
  });

  test('has Powertools in files that a call without an idempotency key does without', async () => {
    const upstream = await startUpstream();
    const bundle = await buildInFrontOf(upstream);
    const files = filesWith(POWERTOOLS, bundle);
    expect(files).not.toEqual([]);
    for (const file of files) await rm(file);
    const call = await runBundle(bundle);
    expect((await call()).messages[0].result).toBeDefined();
    const executed = upstream.heard.length;
    // A call with a key wants them, and is not executed without.
    expect((await call('a-key-that-nobody-can-guess')).messages[0].error.code).toBe(-32603);
    expect(upstream.heard.length).toBe(executed);
  });

  test('executes a call with an idempotency key once', async () => {
    const upstream = await startUpstream();
    const call = await runBundle(await buildInFrontOf(upstream));
    const answers = [await call('a-key-that-nobody-can-guess'), await call('a-key-that-nobody-can-guess')];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers.map(({ text }) => text.includes('"io.sluice/replayed":true'))).toEqual([false, true]);
    expect(upstream.heard.filter(({ message }) => message.method === 'tools/call')).toHaveLength(1);
  });

  test('holds the configuration beside the handler', async () => {
    const outdir = await temporaryFolder();
    const resolved = resolveConfig(
      {
        upstreams: { time: { url: 'http://127.0.0.1:1/mcp' } },
        servers: { default: { upstreams: ['time'] } },
      },
      UNSAID.local,
    );
    if (!resolved.ok) throw new Error('This configuration is valid');
    const { file } = await bundleFunction({ outdir, config: resolved.config });
    expect(file).toBe(join(outdir, 'mcp.mjs'));
    expect(JSON.parse(await readFile(join(outdir, 'config.json'), 'utf8'))).toEqual(resolved.config);
  });
});
