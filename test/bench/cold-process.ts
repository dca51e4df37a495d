/** Processes that live for a cold start: the built function behind a stand-in for Lambda's runtime, and what it is asked. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { VARIABLES } from '../../lib/adapters/lambda/names.ts';
import type { Era } from '../../lib/protocol/era.ts';
import { McpClient } from './mcp-client.ts';
import type { RandomMark, RuntimeMark } from './programs/lambda-runtime.ts';
import type { Stage, UpstreamForm } from './stage.ts';

/** What a cold environment is asked first. */
export interface ColdCall {
  readonly era: Era;
  readonly form: UpstreamForm;
  /** Whether it carries an idempotency key, another one each time. */
  readonly keyed?: true;
}

/** A process, run to its end. */
export interface Run {
  readonly ms: number;
  readonly marks: readonly (RuntimeMark & { readonly heardAfter: number })[];
}

const RANDOM: RandomMark = '{random}';

/** Builds the stand-in for the runtime into `folder`, and returns its path. */
export async function buildRuntime(folder: string): Promise<string> {
  const outfile = join(folder, 'runtime.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('programs/lambda-runtime.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    logLevel: 'silent',
  });
  return outfile;
}

/** A call as a function URL hands it over, of a client that is connected already; through another environment. */
export async function writeCall(stage: Stage, { era, form, keyed }: ColdCall, file: string): Promise<string> {
  const place = stage.place('core, DynamoDB', form);
  const client = await McpClient.connect(place, era);
  // An environment has been there before and has remembered what it learned.
  await client.call('small');
  const { headers, body } = client.message('small', keyed && RANDOM);
  client.close();
  const { pathname } = new URL(place.url);
  const http = { method: 'POST', path: pathname, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' };
  const requestContext = { http, requestId: 'bench', timeEpoch: Date.now(), stage: '$default', routeKey: '$default' };
  const event = { version: '2.0', rawPath: pathname, rawQueryString: '', headers, requestContext, body };
  await writeFile(file, JSON.stringify({ ...event, isBase64Encoded: false }));
  return file;
}

/** What Lambda sets, with made-up credentials, and nothing of this process's own. */
export function variablesOf(stage: Stage, home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_SESSION_TOKEN: 'bench',
    AWS_LAMBDA_FUNCTION_NAME: 'bench',
    AWS_LAMBDA_LOG_STREAM_NAME: 'bench',
    [VARIABLES.table]: stage.tableName,
    [VARIABLES.dynamodbEndpoint]: stage.dynamodb.origin,
    [VARIABLES.logFd]: '2',
  };
}

/** Rejects when it fails, or answers anything but the result. */
export function runProcess(args: readonly string[], variables: Record<string, string>): Promise<Run> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let ended = began;
    const marks: Run['marks'][number][] = [];
    const child = execFile(process.execPath, args, { env: variables }, (error, _out, complaints) => {
      if (error !== null) return reject(new Error(`A cold start failed: ${complaints}`, { cause: error }));
      const wrong = marks.find((mark) => mark.kind === 'answered' && !isAnswer(mark));
      if (wrong !== undefined) return reject(new Error(`A cold start got ${JSON.stringify(wrong)}`));
      resolve({ ms: ended - began, marks });
    });
    child.once('exit', () => {
      ended = performance.now();
    });
    child.stdout?.on('data', (lines: string) => {
      const heardAfter = performance.now() - began;
      for (const line of lines.trim().split('\n')) marks.push({ ...(JSON.parse(line) as RuntimeMark), heardAfter });
    });
  });
}

function isAnswer(mark: RuntimeMark): boolean {
  return mark.kind === 'answered' && mark.status === 200 && mark.text.includes('"text":"pong"');
}
