/** ContextForge: configured by variables, and told of its upstream by an administrator. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Place } from '../mcp-client.ts';
import type { Stage } from '../stage.ts';
import { answersAt, connectBench } from './clients.ts';
import { installPython } from './installation.ts';
import { upstreamFor } from './upstream.ts';
import type { RunningPeer } from './peer.ts';
import { freePort } from '../../support/free-port.ts';
import { memoryOf, startProcess, type Command } from './process.ts';

const ADMINISTRATOR = 'admin@example.com';

/** Goes before the names of the upstream's tools. */
const NAME = 'bench';

/** Two minutes, for requests that have to do with its database. */
const PATIENCE_MS = 120_000;

/** To say whether it is well; it is asked again. */
const HEALTH_MS = 10_000;

/** What its documentation demands of production, and otherwise only what the bench cannot do without. */
function variables(): Record<string, string> {
  const secret = (): string => `Aa1-${randomBytes(24).toString('base64url')}`;
  return {
    ENVIRONMENT: 'production',
    AUTH_REQUIRED: 'true',
    JWT_SECRET_KEY: secret(),
    AUTH_ENCRYPTION_SECRET: secret(),
    BASIC_AUTH_PASSWORD: secret(),
    PLATFORM_ADMIN_EMAIL: ADMINISTRATOR,
    PLATFORM_ADMIN_PASSWORD: secret(),
    DEFAULT_USER_PASSWORD: secret(),
    DATABASE_URL: 'sqlite:///./mcp.db',
    CACHE_TYPE: 'memory',
    USE_STATEFUL_SESSIONS: 'true',
    JSON_RESPONSE_ENABLED: 'true',
    MCPGATEWAY_UI_ENABLED: 'false',
    MCPGATEWAY_ADMIN_API_ENABLED: 'false',
    PLUGINS_ENABLED: 'false',
    LOG_LEVEL: 'ERROR',
    // The upstream is on this machine, and a bench is faster than its limits let anybody be.
    SSRF_ALLOW_LOCALHOST: 'true',
    RATE_LIMITING_ENABLED: 'false',
  };
}

export async function startContextForge(stage: Stage): Promise<RunningPeer> {
  const programs = await installPython('contextforge');
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-contextforge-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const env = variables();
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const args = ['mcpgateway.main:app', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'];
    const command = { file: join(programs, 'uvicorn'), args: [...args, '--no-access-log'], env, cwd: folder };
    const { url, counts: upstreamCounts } = upstreamFor(stage, 'contextforge');
    const authorization = `Bearer ${await createToken(programs, command)}`;
    await register(origin, command, authorization, url);
    const place: Place = { url: `${origin}/mcp/`, prefix: `${NAME}-`, headers: { authorization } };
    const started = await startProcess(command, () => answersAt(place));
    const close = async (): Promise<void> => {
      await started.close();
      await remove();
    };
    const connect = () => connectBench(place);
    return { startMs: started.startMs, connect, memoryBytes: () => memoryOf(started.pid), upstreamCounts, close };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function createToken(programs: string, { env, cwd }: Command): Promise<string> {
  const args = ['-m', 'mcpgateway.utils.create_jwt_token', '--username', ADMINISTRATOR, '--admin', '--exp', '600'];
  const options = { env: { ...process.env, ...env }, cwd, timeout: PATIENCE_MS };
  const { stdout } = await promisify(execFile)(join(programs, 'python'), args, options);
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** A first start, which creates the database, and an upstream in it. */
async function register(origin: string, command: Command, authorization: string, url: string): Promise<void> {
  const isHealthy = async (): Promise<void> => {
    const { status } = await fetch(`${origin}/health`, { signal: AbortSignal.timeout(HEALTH_MS) });
    if (status !== 200) throw new Error(`/health answers ${status}`);
  };
  const first = await startProcess(command, isHealthy);
  try {
    const response = await fetch(`${origin}/gateways`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ name: NAME, url, transport: 'STREAMABLEHTTP' }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!response.ok) throw new Error(`The upstream was not taken: ${response.status} ${await response.text()}`);
  } finally {
    await first.close();
  }
}
