/** MCP Inspector's command line: one process, and one connection, for each thing that is asked of the gateway. */
import { isDeepStrictEqual } from 'node:util';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Era } from '../../lib/protocol/era.ts';
import { differs, type Check } from './judge.ts';
import { obtainPackages, type Command } from './obtained.ts';
import { runProgram } from './program.ts';
import type { World } from './world.ts';

export interface Question {
  readonly name: string;
  readonly era: Era;
  /** What follows `--method`. */
  readonly method: readonly string[];
  /** What is looked at of its `result`, or of its `error`. */
  look(answer: Answer): unknown;
  readonly expected: unknown;
}

/** The JSON lines that it prints, as far as they are looked at; the later one wins where there are two. */
interface Answer {
  readonly result?: {
    readonly tools?: readonly { readonly name: string }[];
    readonly content?: readonly { readonly text: string }[];
    readonly structuredContent?: unknown;
    readonly contents?: readonly { readonly text: string }[];
    readonly messages?: readonly { readonly content: { readonly text: string } }[];
  };
  readonly error?: { readonly code: string; readonly message: string };
}

export async function obtainInspector(): Promise<Command> {
  const packages = await obtainPackages('inspector');
  return [process.execPath, join(packages, '@modelcontextprotocol/inspector/clients/launcher/build/index.js')];
}

const textOf = ({ result }: Answer): unknown => result?.content?.[0]?.text;

function call(tool: string, ...args: string[]): readonly string[] {
  return ['tools/call', '--tool-name', tool, ...args.flatMap((arg) => ['--tool-arg', arg])];
}

export function questionsOf(era: Era, world: World): readonly Question[] {
  return [
    {
      name: 'lists all tools',
      era,
      method: ['tools/list'],
      look: ({ result }) => result?.tools?.map(({ name }) => name).toSorted(),
      expected: world.toolsOf(era),
    },
    {
      name: 'calls a tool',
      era,
      method: call(`${era}__add`, 'a=2', 'b=3'),
      look: ({ result }) => result?.structuredContent,
      expected: { sum: 5 },
    },
    {
      name: 'calls a tool that reports its progress',
      era,
      method: call(`${era}__steps`, 'count=3'),
      look: textOf,
      expected: '3 steps',
    },
    {
      name: 'calls a tool that fails',
      era,
      method: call(`${era}__fail`),
      look: (answer) => [textOf(answer), answer.error?.code],
      expected: ['It cannot be done', 'tool_is_error'],
    },
    {
      name: 'reads a resource',
      era,
      method: ['resources/read', '--uri', 'journey://one'],
      look: ({ result }) => result?.contents?.[0]?.text,
      expected: 'Aböut journey://one',
    },
    {
      name: 'gets a prompt',
      era,
      method: ['prompts/get', '--prompt-name', `${era}__greet`, '--prompt-args', 'name=Ada'],
      look: ({ result }) => result?.messages?.[0]?.content.text,
      expected: 'Hello, Ada',
    },
    { name: 'is asked a question that it cannot answer', era, method: call(`${era}__ask`), ...UNANSWERED[era] },
  ];
}

/** A command line has nobody to ask: in the legacy era it says so when it is asked, in the modern one beforehand. */
const UNANSWERED: Readonly<Record<Era, Pick<Question, 'look' | 'expected'>>> = {
  legacy: { look: textOf, expected: 'cancel undefined' },
  modern: {
    look: ({ error }) => error?.message,
    expected:
      "Cannot request input 'who' (elicitation/create): the request's client capabilities do not declare the required capability",
  },
};

const LIMIT_MS = 30_000;

export async function inspect(
  { name, era, method, look, expected }: Question,
  command: Command,
  world: World,
): Promise<Check> {
  const target = [world.url(era), '--transport', 'http', '--protocol-era', era, '--format', 'json', '--quiet'];
  const home = await mkdtemp(join(tmpdir(), 'sluice-inspector-'));
  world.begin();
  const ended = await runProgram([...command, '--cli', ...target, '--method', ...method], {
    limitMs: LIMIT_MS,
    variables: { HOME: home },
  });
  await rm(home, { recursive: true, force: true });
  const saw = answerOf(`${ended.stdout}\n${ended.stderr}`);
  const unseen = saw === undefined ? `${ended.ending} without an answer: ${ended.stderr.trim()}` : undefined;
  const seen = saw && look(saw);
  const unequal = isDeepStrictEqual(seen, expected) ? undefined : differs(seen, expected);
  const [trouble] = world.troubles();
  return { name, problem: unseen ?? unequal ?? trouble };
}

function answerOf(output: string): Answer | undefined {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  if (lines.length === 0) return undefined;
  return lines.map((line) => JSON.parse(line) as Answer).reduce((all, one) => ({ ...all, ...one }));
}
