/** The official Python and Go SDKs' clients, and FastMCP's: programs in `python/` and `go/`, sent on their journeys. */
import { fileURLToPath } from 'node:url';
import { LATEST_LEGACY, LATEST_MODERN, type Era } from '../../lib/protocol/era.ts';
import { differs, judgeJourney, type Check, type Expected, type Saw } from './judge.ts';
import { obtainGoClient, obtainPython, type Command } from './obtained.ts';
import { steadyCourse } from './pacing.ts';
import { runProgram } from './program.ts';
import type { World } from './world.ts';

/** Asked for more than once, it is begun once. */
function once<T>(begin: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined;
  return () => (begun ??= begin());
}

export interface ClientKind {
  readonly name: string;
  /** Rejects with `NotToBeHad`. */
  obtain(): Promise<Command>;
  readonly ways: readonly Way[];
  /** What it raises when a request is answered with an error. */
  readonly raises: string;
  /** What it makes of a result that is an error. */
  readonly failedTool: Saw;
}

/** One way in which a client negotiates. */
export interface Way {
  /** In the client's own words. */
  readonly mode: string;
  /** What comes of it. */
  readonly version: string;
  readonly era: Era;
}

const legacy = (mode: string, version = LATEST_LEGACY): Way => ({ mode, version, era: 'legacy' });
const modern = (mode: string): Way => ({ mode, version: LATEST_MODERN, era: 'modern' });

const FAILED_RESULT = { raised: null, is_error: true, text: 'It cannot be done' };

/** Both Python clients are installed together. */
const obtainBoth = once(obtainPython);

const pythonClient = (program: string) => async (): Promise<Command> => [
  ...(await obtainBoth()),
  fileURLToPath(new URL(`python/${program}`, import.meta.url)),
];

export const CLIENTS: readonly ClientKind[] = [
  {
    name: 'python-sdk',
    obtain: pythonClient('client_sdk.py'),
    ways: [legacy('legacy'), modern('auto'), modern(LATEST_MODERN)],
    raises: 'MCPError',
    failedTool: FAILED_RESULT,
  },
  {
    name: 'fastmcp',
    obtain: pythonClient('client_fastmcp.py'),
    ways: [legacy('legacy'), modern('auto'), modern(LATEST_MODERN)],
    raises: 'MCPError',
    failedTool: { raised: 'ToolError', text: 'It cannot be done' },
  },
  {
    name: 'go-sdk',
    obtain: once(obtainGoClient),
    ways: [legacy('2025-06-18', '2025-06-18'), legacy(LATEST_LEGACY), modern(LATEST_MODERN)],
    raises: 'jsonrpc.Error',
    failedTool: FAILED_RESULT,
  },
];

const JOURNEY_LIMIT_MS = 60_000;
const STEPS = 3;
/** How many a legacy client opens on its journey. */
const SESSIONS = 2;

/** Sends the client on its journey, one way, and says what it and the world have seen of it. */
export async function travel(client: ClientKind, way: Way, command: Command, world: World): Promise<readonly Check[]> {
  const { era, mode } = way;
  const other = era === 'modern' ? 'legacy' : 'modern';
  const plan = {
    url: world.url(era),
    tools: `${era}__`,
    mode,
    elsewhere: { url: world.url(other), tools: `${other}__` },
    seen: world.seen,
    steps: STEPS,
  };
  world.begin();
  const ended = await runProgram([...command, JSON.stringify(plan)], { limitMs: JOURNEY_LIMIT_MS });
  return [...judgeJourney(ended, expectedOf(client, way, world)), ...(await witnessed(way, world))];
}

function expectedOf({ raises, failedTool }: ClientKind, { era, version }: Way, world: World): Expected {
  return {
    connected: { version },
    tools: { names: world.toolsOf(era) },
    called: { text: 'Hé 🦉' },
    structured: { content: { sum: 5 } },
    progress: { steps: [1, 2, 3], text: `${STEPS} steps, each of them seen` },
    elicited: { asked: ['Who is there?'], text: 'accept {"name":"Péer"}' },
    'tool error': failedTool,
    'unknown tool': { raised: raises, code: -32602, message: 'Tool nothing not found' },
    "other era's question": era === 'legacy' ? cannotAsk(raises) : REFUSED,
    'asked in vain': { asked: [] },
  };
}

/** A modern upstream that asks a legacy client: the gateway's own error, in the client's hands. */
const cannotAsk = (raises: string): Saw => ({
  raised: raises,
  code: 1022,
  message:
    'Upstream modern asks the client for elicitation (form), which cannot be carried between the protocol revisions of the two',
});

/** A legacy upstream that asks a modern client: the upstream is told, and this one answers what it was told. */
const REFUSED: Saw = { raised: null, is_error: false, text: 'refused -32601 The client cannot be asked this' };

/** What the upstreams and the gateway have seen of a journey that has ended. */
async function witnessed({ era }: Way, world: World): Promise<readonly Check[]> {
  const ends = () => world.actions().filter(({ method, status }) => method === 'DELETE' && status === 204).length;
  const expectedEnds = era === 'legacy' ? SESSIONS : 0;
  await world.settled(() => ends() >= expectedEnds && world.openSessions() === 0);
  const environments = new Set(world.actions().map(({ environment }) => environment));
  const check = (name: string, saw: unknown, expected: unknown): Check => ({
    name,
    problem: JSON.stringify(saw) === JSON.stringify(expected) ? undefined : differs(saw, expected),
  });
  return [
    check('each step is seen before the next one is taken', world.course, steadyCourse(STEPS)),
    check('several environments serve', environments.size > 1, true),
    check('its sessions at the gateway are ended', ends(), expectedEnds),
    check('no session is left at an upstream', world.openSessions(), 0),
    check('nothing else goes wrong', world.troubles(), []),
  ];
}
