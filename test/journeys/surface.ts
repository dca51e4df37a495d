/** What every upstream of the journeys offers, whichever SDK serves it and over whichever transport. */
import * as z from 'zod/v4';
import type { Watch } from './witness.ts';

export interface ToolResult {
  readonly [key: string]: unknown;
  readonly content: { readonly type: 'text'; readonly text: string }[];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
}

/** What a tool can do within its call. */
export interface Inside {
  readonly signal: AbortSignal;
  readonly watch: Watch;
  /** How many calls of `count` this server has had, this one included: what it keeps with a session. */
  counted(): number;
  /** Nothing is said when the client wants no progress. */
  progress(progress: number, total: number): Promise<void>;
  log(level: 'debug' | 'warning', data: string): Promise<void>;
  /** Asks the user for a name, in the way of the era; resolves with what the tool is to answer. */
  ask(): Promise<ToolResult>;
}

export interface ToolDefinition {
  readonly description: string;
  readonly input: z.ZodRawShape;
  readonly output?: z.ZodRawShape;
  run(args: any, inside: Inside): ToolResult | Promise<ToolResult>;
}

export const TOOLS: Readonly<Record<string, ToolDefinition>> = {
  echo: {
    description: 'Says it back',
    input: { text: z.string() },
    run: ({ text }: { text: string }) => says(text),
  },
  add: {
    description: 'Adds two numbers',
    input: { a: z.number(), b: z.number() },
    output: { sum: z.number() },
    run: ({ a, b }: { a: number; b: number }) => ({ ...says(String(a + b)), structuredContent: { sum: a + b } }),
  },
  fail: {
    description: 'Fails, and says so in its result',
    input: {},
    run: () => ({ ...says('It cannot be done'), isError: true }),
  },
  count: {
    description: 'Counts its calls in this session',
    input: {},
    run: (_, { counted }) => says(String(counted())),
  },
  steps: {
    description: 'Reports its progress',
    input: { count: z.number() },
    async run({ count }: { count: number }, { progress }) {
      for (let step = 1; step <= count; step += 1) await progress(step, count);
      return says(`${count} steps`);
    },
  },
  talk: {
    description: 'Logs something unimportant, and a warning',
    input: {},
    async run(_, { log }) {
      await log('debug', 'unimportant');
      await log('warning', 'important');
      return says('said');
    },
  },
  wait: {
    description: 'Waits until it is told the word, or cancelled',
    input: { word: z.string() },
    async run({ word }: { word: string }, { signal, watch }) {
      const cancelled = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          watch.note(`cancelled ${word}`);
          resolve();
        });
      });
      watch.note(`waiting for ${word}`);
      await Promise.race([watch.heard(word), cancelled]);
      return says(word);
    },
  },
  ask: {
    description: 'Asks the user for a name',
    input: {},
    run: (_, { ask }) => ask(),
  },
};

export const QUESTION = {
  mode: 'form' as const,
  message: 'Who is there?',
  requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } },
};

const NAMES = ['Ada', 'Alan', 'Grace'];
export const namesLike = (start: string | undefined): string[] => NAMES.filter((name) => name.startsWith(start ?? ''));

export const greeting = (name: string) => ({
  description: 'A greeting',
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text: `Hello, ${name}` } }],
});

/** A resource that is listed, one that is not text, and a template, under whose URIs all exist but `none`. */
export const URIS = {
  one: 'journey://one',
  blob: 'journey://blob',
  template: 'journey://notes/{name}',
  ofTemplate: 'journey://notes/ada',
  missing: 'journey://notes/none',
};

export const contentsOf = (uri: string) => ({
  contents: [
    uri === URIS.blob
      ? { uri, mimeType: 'application/octet-stream', blob: 'AAEC/w==' }
      : { uri, mimeType: 'text/plain', text: `Aböut ${uri}` },
  ],
});

export const INSTRUCTIONS = 'Begin with echo.';

export function says(text: string): ToolResult {
  return { content: [{ type: 'text', text }] };
}

/** What `ask` answers: what came of its question. */
export async function outcomeOf(asking: Promise<{ action: string; content?: unknown }>): Promise<ToolResult> {
  try {
    const { action, content } = await asking;
    return says(`${action} ${JSON.stringify(content)}`);
  } catch (error) {
    const { code, message } = error as { code?: number; message?: string };
    return says(`refused ${code} ${message}`);
  }
}
