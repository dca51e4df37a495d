/** Servers that no SDK would write, by name: each says and does what is written here, and nothing else. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { heard, say } from './lifeline.ts';

type Params = Readonly<Record<string, unknown>>;
type Answers = Readonly<Record<string, (id: string, params: Params) => void>>;

const write = (line: string) => void process.stdout.write(`${line}\n`);
const answer = (id: string, result: string) => write(`{"jsonrpc":"2.0","id":${id},"result":${result}}`);
const fail = (id: string, code: number) => {
  write(`{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":"no"}}`);
};

const INITIALIZED =
  '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"raw","version":"1"}}';
const initialize = (id: string) => answer(id, INITIALIZED);
const discover = (id: string) => {
  answer(id, '{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete"}');
};

const servers: Readonly<Record<string, Answers>> = {
  /** Answers what it was asked with what it heard, as it was written. */
  echo: {
    initialize,
    'server/discover': (id) => fail(id, -32601),
    'tools/call': (id) => answer(id, `{"content":[],"heard":${JSON.stringify(lastLine)},"big":12345678901234567890}`),
  },
  /** Never says anything before `initialize`. */
  mute: { initialize, 'tools/call': (id) => answer(id, '{"content":[]}') },
  /** Both eras, in the order in which it was asked, but only when it is let. */
  late: {
    initialize: (id) => later(() => initialize(id)),
    'server/discover': (id) => later(() => discover(id)),
    'tools/call': (id) => later(() => answer(id, '{"content":[]}')),
  },
  /** Ends when it hears of something it does not know. */
  fragile: { initialize, 'tools/call': (id) => answer(id, '{"content":[]}'), 'server/discover': () => process.exit(3) },
  /** Is a legacy server that never answers `initialize`. */
  hopeless: { initialize: () => say('asked'), 'server/discover': (id) => fail(id, -32601) },
  /** Fails `server/discover` in a way that only a modern server does. */
  'future-only': { 'server/discover': (id) => fail(id, -32022) },
  'exits-in-call': { initialize, 'server/discover': discover, 'tools/call': () => process.exit(7) },
  'exits-after-progress': {
    initialize,
    'tools/call': (id) => {
      const progress = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${id},"progress":1}}`;
      process.stdout.write(`${progress}\n`, () => process.exit(7));
    },
  },
  garbage: {
    initialize,
    'tools/call': (id) => {
      write('listening on nothing');
      write('"text"');
      write('');
      write('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"between"}}\r');
      process.stdout.write(Buffer.from([0xff, 0xfe, 0x0a]));
      write(`[{"jsonrpc":"2.0","id":"nobody","result":{}},{"jsonrpc":"2.0","id":${id},"result":{"content":[]}}]`);
    },
  },
  deep: {
    initialize,
    'tools/call': (id) => {
      const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
      write(`{"jsonrpc":"2.0","id":${deep},"result":{}}`);
      write(`{"jsonrpc":"2.0","id":${deep},"method":"roots/list"}`);
      write(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${deep}}}`);
      answer(id, '{"content":[]}');
    },
  },
  huge: { initialize, 'tools/call': (id) => answer(id, `{"content":[],"filler":"${'x'.repeat(200_000)}"}`) },
  /** Neither the end of its input nor SIGTERM ends it. */
  deaf: { initialize, 'tools/call': (id) => answer(id, '{"content":[]}') },
  /** Have started another process, which nothing but a signal ends; one of them does not end before it. */
  'waiting-parent': { initialize },
  'leaving-parent': { initialize },
  child: {},
  chatty: {
    initialize,
    'tools/call': (id) => {
      process.stderr.write(`\u001b[31mred\u001b[0m\ttext\u0007\n\n${'y'.repeat(5000)}\nlast words`, () => {
        answer(id, '{"content":[]}');
      });
    },
  },
  /** Speaks of what nobody asked, then answers: `words` are lines, in which `ID` stands for the request's id. */
  says: {
    initialize,
    'server/discover': discover,
    'tools/call': (id, params) => {
      const { words } = params['arguments'] as { readonly words: readonly string[] };
      for (const line of words) write(line.replace('ID', id));
    },
  },
};

/** What is to be said, in order, each when the test says `go`. */
const queue: (() => void)[] = [];
function later(work: () => void): void {
  queue.push(work);
  say('asked');
}

async function letGo(): Promise<never> {
  for (;;) {
    await heard('go');
    for (const work of queue.splice(0)) work();
  }
}

let lastLine = '';

function serve(answers: Answers): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    lastLine = line;
    const { id, method, params, result, error } = JSON.parse(line) as Params & { readonly method?: string };
    if (method === undefined) say(`answered ${JSON.stringify(result ?? error)}`);
    else if (id === undefined) say(`told ${method} ${JSON.stringify(params ?? {})}`);
    else answers[method]?.(JSON.stringify(id), (params ?? {}) as Params);
  });
}

const name = process.argv[2] ?? '';
if (name === 'late') void letGo();
if (name === 'deaf') process.on('SIGTERM', () => say('SIGTERM'));
if (name === 'deaf') process.stderr.write('deaf\n');
if (name === 'deaf' || name === 'child') setInterval(() => undefined, 60_000);
if (name.endsWith('-parent')) {
  const child = spawn(process.execPath, [import.meta.filename, 'child'], { stdio: 'inherit' });
  if (name === 'leaving-parent') child.unref();
}
if (name !== 'child') serve(servers[name] ?? {});
