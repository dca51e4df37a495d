import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { bundleFunction } from '../../lib/adapters/lambda/bundle.ts';
import type { Emulator, EmulatorOptions } from '../../lib/local/emulator/emulator.ts';
import { openTemporaryFolder } from '../../lib/local/temporary-folder.ts';

/** Starts a function in environments of one make or another. */
export type StartFunction = (options: EmulatorOptions) => Promise<Emulator>;

export interface StageOptions {
  /** Most environments at once; 1 by default. */
  readonly limit?: number;
  /** Of the function, in milliseconds. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Whether the body came to its end. */
  readonly whole: boolean;
}

/** An answer while it arrives. */
export interface ComingAnswer {
  readonly first: string;
  rest(): Promise<Answer>;
}

/** Somebody in the function waits at a gate. */
export interface Waiting {
  open(): void;
}

/** The function of `fixtures/`, behind an HTTP server, with gates in it that open from here. */
export interface Stage {
  readonly function: Emulator;
  /** What the platform reported so far. */
  readonly reports: readonly string[];
  /** Rejects when the connection ends before there is a status. With a body, it is posted as JSON. */
  call(path: string, body?: string): Promise<Answer>;
  /** Resolves once the first bytes of the body are there. */
  begin(path: string): Promise<ComingAnswer>;
  /** The next one at that gate, whether it is there already or is to come. */
  waiting(gate: string): Promise<Waiting>;
  close(): Promise<void>;
}

const FUNCTION = fileURLToPath(new URL('fixtures/handler.ts', import.meta.url));

/** Rejects when the function cannot be started; nothing of the stage is left then. */
export async function openStage(start: StartFunction, options: StageOptions = {}): Promise<Stage> {
  const { limit = 1, timeoutMs = 30_000 } = options;
  const folder = openTemporaryFolder();
  const reports: string[] = [];
  const gates = await openGates();
  const release = (): void => {
    gates.close();
    folder.remove();
  };
  const startBundled = async (): Promise<Emulator> => {
    const { file } = await bundleFunction({ entry: FUNCTION, outdir: folder.path, config: {} });
    return await start({
      handlerFile: file,
      handlerExport: 'handler',
      variables: { GATES: gates.origin },
      limit,
      affinity: false,
      isSigned: false,
      timeoutMs,
      report: (line) => reports.push(line),
    });
  };
  const running = await startBundled().catch((error: unknown) => {
    release();
    throw error;
  });
  const front = await listen((request, response) => running.handle(request, response));
  return {
    function: running,
    reports,
    call: async (path, body) => await readAnswer(await send(`${front.origin}${path}`, body), ''),
    begin: async (path) => {
      const incoming = await send(`${front.origin}${path}`);
      const [first] = (await once(incoming, 'data')) as [Buffer];
      incoming.pause();
      return { first: String(first), rest: () => readAnswer(incoming, String(first)) };
    },
    waiting: gates.waiting,
    close: async () => {
      front.close();
      await running.close();
      release();
    },
  };
}

async function send(url: string, body?: string): Promise<IncomingMessage> {
  const outgoing = httpRequest(url, {
    method: body === undefined ? 'GET' : 'POST',
    agent: false,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' } }),
  });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  return incoming;
}

async function readAnswer(incoming: IncomingMessage, first: string): Promise<Answer> {
  const { statusCode: status = 0, headers } = incoming;
  const decoder = new TextDecoder();
  let text = first;
  try {
    for await (const chunk of incoming) text += decoder.decode(chunk as Buffer, { stream: true });
    return { status, headers, text: text + decoder.decode(), whole: true };
  } catch {
    return { status, headers, text, whole: false };
  }
}

interface Gates {
  readonly origin: string;
  waiting(gate: string): Promise<Waiting>;
  close(): void;
}

/** A request for the path of a gate is answered when the gate is opened. */
async function openGates(): Promise<Gates> {
  const arrived = new Map<string, Waiting[]>();
  const wanted = new Map<string, ((waiting: Waiting) => void)[]>();
  const server = await listen((request, response) => {
    const gate = (request.url ?? '/').slice(1);
    const waiting: Waiting = { open: () => void response.end() };
    const takers = wanted.get(gate) ?? [];
    const taker = takers.shift();
    if (taker === undefined) arrived.set(gate, [...(arrived.get(gate) ?? []), waiting]);
    else taker(waiting);
  });
  return {
    origin: server.origin,
    waiting: (gate) => {
      const there = arrived.get(gate)?.shift();
      if (there !== undefined) return Promise.resolve(there);
      return new Promise((resolve) => {
        wanted.set(gate, [...(wanted.get(gate) ?? []), resolve]);
      });
    },
    close: () => server.close(),
  };
}

async function listen(listener: RequestListener): Promise<{ readonly origin: string; close(): void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
