/**
 * The configuration file, defined once: what it may hold, what each key means, and its defaults. The JSON Schema for
 * editors is generated from this; rules that span several keys are in `rules.ts`. The core imports only the types, so
 * that the validation package is loaded where a file is read and never in a Lambda function.
 */
import * as z from 'zod';

/** A configuration with every default applied. Made by `load.ts`; frozen, and without prototypes (see `seal.ts`). */
export interface GatewayConfig {
  /** By upstream name. */
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>;
  /** By virtual server name; `default` is served at `/mcp`, any other at `/mcp/<name>`. */
  readonly servers: Readonly<Record<string, ServerConfig>>;
  readonly auth: AuthConfig;
  /** Origins of web pages that may call: `scheme://host[:port]`, where the port of a loopback host may be `*`. */
  readonly origins: readonly string[];
  readonly limits: LimitsConfig;
  /** Whether catalogs that callers share are refreshed, and expired sessions swept, on a schedule. */
  readonly refresh: 'every-minute' | 'off';
  readonly listen: ListenConfig;
}

/**
 * What a legacy client gets that asks for a stream beside its calls: nothing (`off`), what there is to be told at the
 * moment (`poll`), or a stream that is held open for so long.
 */
export type ListenConfig = 'off' | 'poll' | { readonly holdSeconds: number };

/** An MCP server behind the gateway. All times are in milliseconds. */
export interface UpstreamConfig {
  /** Address of the MCP endpoint; empty for a stdio upstream that is not hosted. */
  readonly url: string;
  /** How to run it; absent when it is reached at a URL of its own. */
  readonly stdio?: StdioConfig;
  /** How messages reach it; absent when that is found out by probing. */
  readonly transport?: 'http' | 'sse';
  /** Goes before `__` and the upstream's own name of a tool or prompt; empty when names pass through unchanged. */
  readonly prefix: string;
  readonly era: 'auto' | 'modern' | 'legacy';
  /**
   * Who shares an upstream session that a modern client's call needs. `caller`: all calls of one authenticated caller,
   * while each call of an anonymous one has its own. `call`: nobody; each call has its own, closed after it. `shared`:
   * everyone, because the operator states that the server keeps nothing between calls.
   */
  readonly isolation: 'caller' | 'call' | 'shared';
  /** Sent with every request. Names are lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Everything done for one call, from the first byte sent to the last byte received. */
  readonly timeoutMs: number;
  /** Longest silence within a call; absent when there is no such limit. */
  readonly idleTimeoutMs?: number;
  /** Name resolution, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** For how long its lists are fresh when it does not say so itself (legacy); 0 when they are not kept at all. */
  readonly listTtlMs: number;
  /** Whether a tool whose definition is not the accepted one is hidden and refused. */
  readonly pin: boolean;
  /** How often a call that may be sent again is sent again at most. */
  readonly retries: number;
  /** When it is no longer called for a while; false when it always is. */
  readonly breaker: BreakerConfig | false;
  /** Most calls at once, from all environments together; absent when there is no such limit. */
  readonly maxConcurrent?: number;
  /** By the upstream's own tool name. */
  readonly tools: Readonly<Record<string, ToolConfig>>;
}

/** An MCP server that is a command, which the local gateway runs. Everything is taken literally: no shell reads it. */
export interface StdioConfig {
  readonly command: string;
  readonly args: readonly string[];
  /** May hold secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Folder that it is run in; absent for the local gateway's own. */
  readonly cwd?: string;
  /** For how long the child of an upstream session that is not used is kept. */
  readonly idleMs: number;
  /** Most children at once. */
  readonly maxProcesses: number;
}

/** An upstream that fails is left alone for a while. */
export interface BreakerConfig {
  /** How many failures in a row open the breaker. */
  readonly failures: number;
  /** For how long it stays open, in milliseconds. */
  readonly openMs: number;
}

/** What is different for one tool: limits in place of its upstream's (absent: the upstream's), and what may happen twice. */
export interface ToolConfig {
  readonly timeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly retries?: number;
  /** The operator's word in place of the tool's own `readOnlyHint` and `idempotentHint`. */
  readonly readOnly?: boolean;
  readonly idempotent?: boolean;
  /** Whether idempotency keys count (`auto`), must be given (`required`), or mean nothing (`off`). Absent: `auto`. */
  readonly idempotency?: IdempotencyMode;
  /** For how long a key is remembered. Absent: a day. */
  readonly idempotencyTtlSeconds?: number;
}

export type IdempotencyMode = 'auto' | 'required' | 'off';

/** A named view over upstreams and their tools. */
export interface ServerConfig {
  readonly upstreams: readonly string[];
  /** Patterns of the prefixed tool names that are shown; `*` is any text. Absent: all are shown. */
  readonly tools?: readonly string[];
}

export interface AuthConfig {
  readonly mode: 'none';
}

export interface LimitsConfig {
  /** Largest body of a client's request, in bytes. */
  readonly requestBytes: number;
  /** Largest single message of an upstream, in bytes. */
  readonly upstreamMessageBytes: number;
}

/** What a file of the right shape holds, before the defaults that depend on other keys. */
export type ConfigFile = z.output<typeof configFile>;
export type UpstreamFile = z.output<typeof upstream>;

/** A Lambda function ends after 900 s at the latest. */
export const LONGEST_FUNCTION_MS = 900_000;
/** What the function's timeout leaves after the longest call, for starting and for the last word. */
export const FUNCTION_MARGIN_MS = 5_000;

const DEFAULT_CONNECT_TIMEOUT_MS = 3_000;
/** For a call with this total; it gives way to one that is lower. */
export function defaultConnectTimeoutMs(timeoutMs: unknown): number {
  return typeof timeoutMs === 'number' ? Math.min(DEFAULT_CONNECT_TIMEOUT_MS, timeoutMs) : DEFAULT_CONNECT_TIMEOUT_MS;
}

/** Under the 60 s that clients usually wait, so that they hear the gateway's reason first. */
export const DEFAULT_TIMEOUT_MS = 55_000;

export const DEFAULT_IDLE_MS = 300_000;
export const DEFAULT_MAX_PROCESSES = 16;

/** A day. */
const LONGEST_KEEP_MS = 86_400_000;
const MOST_PROCESSES = 1_000;
export const MOST_UPSTREAMS_OF_SERVER = 100;

const LONGEST_TOOL_MS = LONGEST_FUNCTION_MS - FUNCTION_MARGIN_MS;
/** The most that a function URL takes in a request. */
const LARGEST_REQUEST_BYTES = 6 * 1024 * 1024;
/** The most that a function URL sends in a response. */
const LARGEST_RESPONSE_BYTES = 200 * 1024 * 1024;

/**
 * The keys that the file chooses itself, and what each must look like. They are checked in `rules.ts` instead of by the
 * record's key schema, which would leave the value of a bad key unread and its faults unreported.
 */
export const KEYS = {
  /** Upstreams and virtual servers: one URL path segment, and no name that an object of JavaScript inherits. */
  name: {
    pattern: /^(?!(?:constructor|prototype)$)[a-z0-9][a-z0-9-]{0,39}$/,
    expected:
      'a name of 1 to 40 lower-case letters, digits and hyphens, not beginning with a hyphen, ' +
      'and not constructor or prototype',
  },
  toolName: {
    pattern: /^(?!(?:__proto__|constructor|prototype)$)[^\u0000-\u001f\u007f]+$/,
    expected: "the upstream's own name of a tool: no control characters, and not __proto__, constructor or prototype",
  },
  /** RFC 9110, section 5.1: a token. */
  headerName: {
    pattern: /^(?!(?:__proto__|constructor|prototype)$)[A-Za-z0-9!#$%&'*+.^_`|~-]+$/,
    expected: 'a header name: letters, digits and hyphens, and not __proto__, constructor or prototype',
  },
  /** What the operating systems take: some names have dots, brackets or spaces in them. */
  variableName: {
    pattern: /^(?!(?:__proto__|constructor|prototype)$)[^=\u0000-\u001f\u007f]+$/,
    expected:
      'the name of an environment variable: no = and no control characters, and not __proto__, constructor or prototype',
  },
} as const;

/** Keys that only an upstream with a `url`, or only one with a `command`, can have. */
export const REACH = {
  url: ['transport', 'headers', 'connectTimeoutMs'],
  command: ['args', 'env', 'cwd', 'idleMs', 'maxProcesses'],
} as const;

export const PREFIX_PATTERN = /^[A-Za-z0-9-]{0,20}$/;

// Each schema's `error` completes the sentence "expected ...", for a missing and a wrong value alike.

/** A section with a fixed set of keys; any other key is an error. */
function section<Shape extends z.core.$ZodLooseShape>(shape: Shape, error: string) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `no such key (known here: ${known})` : error),
  });
}

/** A section whose keys the file chooses, within `keys`. */
function named<Value extends z.core.$ZodType>(keys: (typeof KEYS)[keyof typeof KEYS], value: Value, error: string) {
  return z.record(z.string().meta({ pattern: keys.pattern.source }), value, { error });
}

function wholeNumber(largest: number, unit: string, smallest = 1) {
  const error = `a whole number of ${unit} from ${smallest} to ${largest}`;
  return z.int({ error }).min(smallest, { error }).max(largest, { error });
}

function text(pattern: RegExp, error: string) {
  return z.string({ error }).regex(pattern, { error });
}

function choice<const Values extends readonly string[]>(values: Values) {
  return z.enum(values, { error: values.map((value) => `"${value}"`).join(' or ') });
}

/** Waiting longer between attempts than this many take would outlast any call. */
const MOST_RETRIES = 10;
/** All slots are in one record. */
const MOST_CONCURRENT = 100;
const MOST_FAILURES = 1_000;
/** A week. */
const LONGEST_TTL_SECONDS = 604_800;
/** The function ends after 900 s at the latest. */
const LONGEST_HOLD_SECONDS = 840;

export const DEFAULT_BREAKER: BreakerConfig = { failures: 5, openMs: 10_000 };

const retries = wholeNumber(MOST_RETRIES, 'repetitions', 0);

const trueOrFalse = z.boolean({ error: 'true or false' });

const idleTimeoutMs = wholeNumber(LONGEST_FUNCTION_MS, 'milliseconds').optional();
const connectTimeoutMs = wholeNumber(LONGEST_FUNCTION_MS, 'milliseconds').optional();

const tool = section(
  {
    timeoutMs: wholeNumber(LONGEST_TOOL_MS, 'milliseconds')
      .optional()
      .describe("Total limit of one call of this tool, in milliseconds. Left out: the upstream's timeoutMs."),
    idleTimeoutMs: idleTimeoutMs.describe(
      'Longest silence within one call of this tool, in milliseconds; at most the total limit of the call. ' +
        "Left out: the upstream's idleTimeoutMs.",
    ),
    connectTimeoutMs: connectTimeoutMs.describe(
      'Limit for reaching the upstream in one call of this tool, in milliseconds; at most the total limit of the call. ' +
        "Left out: the upstream's connectTimeoutMs.",
    ),
    retries: retries
      .optional()
      .describe("How often a call of this tool is sent again at most, if it may be. Left out: the upstream's retries."),
    readOnly: trueOrFalse
      .optional()
      .describe(
        'Whether the tool changes nothing, so that it may be called again at any time. ' +
          "Left out: what the tool's own readOnlyHint says.",
      ),
    idempotent: trueOrFalse
      .optional()
      .describe(
        'Whether calling the tool twice with the same arguments does no more than calling it once. ' +
          "Left out: what the tool's own idempotentHint says.",
      ),
    idempotency: choice(['auto', 'required', 'off'])
      .optional()
      .meta({
        description:
          'What idempotency keys of calls mean. "auto": a call with a key is executed once. "required": a call without ' +
          'a key is refused. "off": keys mean nothing.',
        default: 'auto',
      }),
    idempotencyTtlSeconds: wholeNumber(LONGEST_TTL_SECONDS, 'seconds').optional().meta({
      description: 'For how long an idempotency key is remembered, and the outcome with it, in seconds.',
      default: 86_400,
    }),
  },
  'an object with any of timeoutMs, idleTimeoutMs, connectTimeoutMs, retries, readOnly, idempotent, idempotency and ' +
    'idempotencyTtlSeconds',
).describe('What is different for one tool: limits in place of those of its upstream, and what may happen twice.');

/** Text that can be handed to a child process, where NUL would end it. */
function processText(pattern: RegExp, what: string) {
  return text(pattern, `${what}, without NUL characters`);
}

/** With the keys of both kinds of upstream; which of them go together is in `reach-rules.ts`. */
export const upstream = section(
  {
    url: text(
      /^https?:\/\/[^\s/?#@\\]+(?:[/?][^\s#]*)?$/,
      'an absolute http:// or https:// URL, without credentials and without a fragment',
    )
      .optional()
      .meta({
        description:
          "Address of the server's MCP endpoint: http or https, without credentials and without a fragment. An " +
          'upstream has either a url or a command.',
        examples: ['https://time.example/mcp'],
      }),
    transport: choice(['http', 'sse'])
      .optional()
      .describe(
        'How messages reach the url: "http" is Streamable HTTP, "sse" is HTTP+SSE as of 2024-11-05, which has the ' +
          'legacy era only. Left out: found out by probing.',
      ),
    command: processText(/^[^\u0000]+$/, 'a command, which is not empty')
      .optional()
      .meta({
        description:
          'Program that speaks MCP on its standard input and output; the local gateway runs it. No shell reads it. An ' +
          'upstream has either a url or a command.',
        examples: ['uvx'],
      }),
    args: z
      .array(processText(/^[^\u0000]*$/, 'text').describe('One argument, as it is.'), {
        error: 'a list of texts, the arguments of the command',
      })
      .optional()
      .meta({
        description: 'Arguments of the command, each as it is: no shell reads them. Left out: none.',
        default: [],
        examples: [['mcp-server-time', '--local-timezone=UTC']],
      }),
    env: named(
      KEYS.variableName,
      processText(/^[^\u0000]*$/, 'text').describe('Value of the variable, as it is.'),
      'an object of names and values of environment variables',
    )
      .optional()
      .meta({
        description:
          'Environment variables of the command, each as it is: nothing is put in for ${...}. Left out: none.',
        default: {},
        examples: [{ LOG_LEVEL: 'warning' }],
      }),
    cwd: processText(/^[^\u0000]+$/, 'a folder')
      .optional()
      .meta({
        description: 'Folder that the command is run in. Left out: the one that the local gateway is run in.',
      }),
    idleMs: wholeNumber(LONGEST_KEEP_MS, 'milliseconds').optional().meta({
      description:
        'For how long a process of the command is kept while its upstream session is not used, in milliseconds.',
      default: DEFAULT_IDLE_MS,
    }),
    maxProcesses: wholeNumber(MOST_PROCESSES, 'processes').optional().meta({
      description: 'Most processes of the command at once. Each upstream session has one of its own.',
      default: DEFAULT_MAX_PROCESSES,
    }),
    prefix: text(PREFIX_PATTERN, '1 to 20 letters, digits and hyphens, or "" to pass names through')
      .optional()
      .describe(
        'Clients see the tools and prompts of this upstream as <prefix>__<name>. "" passes names through unchanged. ' +
          "Left out: the upstream's name, when it is at most 20 characters long.",
      ),
    era: choice(['auto', 'modern', 'legacy'])
      .default('auto')
      .describe(
        'Which revisions of MCP to speak to this upstream: "modern" is 2026-07-28, "legacy" is 2025-11-25 and ' +
          'earlier, "auto" asks the upstream and remembers its answer.',
      ),
    isolation: choice(['caller', 'call', 'shared'])
      .default('caller')
      .describe(
        "Who shares an upstream session that a modern client's call needs. " +
          '"caller": all calls of one authenticated caller share one; each call of an anonymous caller has its own. ' +
          '"call": each call has its own, which is closed after it. "shared": everyone shares one; only for a server ' +
          'that keeps nothing between calls.',
      ),
    headers: named(
      KEYS.headerName,
      text(
        /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/,
        'text of visible ASCII characters, with spaces and tabs only between them',
      ).describe('Value of the header: visible ASCII characters, with spaces and tabs only between them.'),
      'an object of header names and values',
    )
      .default({})
      .meta({
        description:
          'HTTP headers sent to this upstream with every request. No credentials, and no header that HTTP or MCP sets.',
        examples: [{ 'x-team': 'search' }],
      }),
    timeoutMs: wholeNumber(LONGEST_FUNCTION_MS, 'milliseconds')
      .default(DEFAULT_TIMEOUT_MS)
      .describe(
        'Total limit of one call, in milliseconds: everything done for it, connecting, initializing and retrying ' +
          'included. Progress does not extend it.',
      ),
    idleTimeoutMs: idleTimeoutMs.describe(
      'Longest silence within one call, in milliseconds; at most timeoutMs. Whatever arrives from the upstream starts it ' +
        'anew. Left out: no limit.',
    ),
    connectTimeoutMs: connectTimeoutMs.meta({
      description:
        'Limit for reaching the upstream (name resolution, TCP and TLS together), in milliseconds; at most ' +
        'timeoutMs. Left out: 3000, or timeoutMs when that is less.',
      default: DEFAULT_CONNECT_TIMEOUT_MS,
    }),
    listTtlMs: wholeNumber(LONGEST_KEEP_MS, 'milliseconds', 0)
      .default(60_000)
      .describe(
        'For how long lists of this upstream are fresh when it does not say so itself, as servers of the legacy era ' +
          'cannot, in milliseconds. 0: they are not kept at all.',
      ),
    pin: z
      .boolean({ error: 'true or false' })
      .default(false)
      .describe(
        'Whether a tool whose definition has changed is hidden and refused until an operator accepts it. The first ' +
          'definitions seen are trusted.',
      ),
    retries: retries
      .default(2)
      .describe(
        'How often a call is sent again at most. Only calls that cannot have run, or that may run twice, are sent ' +
          'again at all.',
      ),
    breaker: z
      .union(
        [
          section(
            {
              failures: wholeNumber(MOST_FAILURES, 'failures')
                .default(DEFAULT_BREAKER.failures)
                .describe('How many failures in a row open the breaker.'),
              openMs: wholeNumber(LONGEST_FUNCTION_MS, 'milliseconds')
                .default(DEFAULT_BREAKER.openMs)
                .describe('For how long it stays open before one call is let through, in milliseconds.'),
            },
            'an object with any of failures and openMs',
          ).describe('The breaker.'),
          z.literal(false).describe('No breaker.'),
        ],
        { error: 'an object with any of failures and openMs, or false' },
      )
      .default(DEFAULT_BREAKER)
      .describe(
        'When the upstream is no longer called for a while, by any environment: after so many failures in a row of the ' +
          'connection or with a status of 500 and above. false: it always is.',
      ),
    maxConcurrent: wholeNumber(MOST_CONCURRENT, 'calls')
      .optional()
      .describe(
        'Most calls of this upstream at once, from all environments together; more wait a moment and are then refused. ' +
          'Costs two requests to the table for each call. Left out: no limit.',
      ),
    tools: named(KEYS.toolName, tool, 'an object of tool names and what is different for them')
      .default({})
      .meta({
        description: "What is different for single tools, by the upstream's own tool name (without the prefix).",
        examples: [{ slow_report: { timeoutMs: 120_000 } }],
      }),
  },
  'an object with at least a url or a command',
).describe('An MCP server behind the gateway, which has either a url or a command.');

const server = section(
  {
    upstreams: z
      .array(z.string({ error: 'the name of an upstream' }).describe('Name of an upstream of this file.'), {
        error: 'a list of names of upstreams',
      })
      .meta({
        description:
          'The upstreams that this virtual server shows, each with a prefix of its own. When several offer the same ' +
          'resource, the first one here has it.',
        minItems: 1,
        maxItems: MOST_UPSTREAMS_OF_SERVER,
        uniqueItems: true,
      }),
    tools: z
      .array(
        text(
          /^[^?[\]{}\\\u0000-\u001f\u007f]+$/,
          'a tool name, in which * stands for any text and ? [ ] { } \\ have no place',
        ).describe('A tool name as clients see it; * stands for any text.'),
        { error: 'a list of tool names, in which * stands for any text' },
      )
      .optional()
      .meta({
        description:
          'The tools that this virtual server shows, by the names its clients see (with the prefix); * stands for ' +
          'any text, and may be empty. A tool that no pattern matches can be neither seen nor called. ' +
          'Left out: all tools. An empty list: none.',
        examples: [['time__convert_*']],
      }),
  },
  'an object with a list of upstreams',
).describe('A view over upstreams and their tools, with an endpoint of its own.');

const auth = section(
  {
    mode: choice(['none']).describe('How callers are known. "none": everyone may call, and everyone is anonymous.'),
  },
  'an object with a mode',
);

const limits = section(
  {
    requestBytes: wholeNumber(LARGEST_REQUEST_BYTES, 'bytes')
      .default(LARGEST_REQUEST_BYTES)
      .describe('Largest body of a client request, in bytes. A function URL takes no more than 6 MB (6291456).'),
    upstreamMessageBytes: wholeNumber(LARGEST_RESPONSE_BYTES, 'bytes')
      .default(20 * 1024 * 1024)
      .describe(
        'Largest single message of an upstream, in bytes. A larger one is answered with an error, so that it cannot ' +
          'exhaust the memory.',
      ),
  },
  'an object of limits',
);

export const configFile = section(
  {
    $schema: z
      .string({ error: 'the address of the JSON Schema, for editors' })
      .optional()
      .describe('Address of the JSON Schema of this file, for editors. The gateway does not read it.'),
    upstreams: named(KEYS.name, upstream, 'an object of upstreams').meta({
      description:
        'The MCP servers behind the gateway, by name. A name has 1 to 40 lower-case letters, digits and hyphens and ' +
        'does not begin with a hyphen.',
      minProperties: 1,
    }),
    servers: named(KEYS.name, server, 'an object of virtual servers').meta({
      description:
        'The virtual servers that clients connect to, by name: "default" is served at /mcp, any other at /mcp/<name>.',
      minProperties: 1,
    }),
    auth: auth.default({ mode: 'none' }).describe('Who may call the gateway.'),
    origins: z
      .array(
        text(
          /^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?:\d{1,5}|\*))?$/,
          'an origin as browsers send it: http:// or https://, host in lower case, port if it is not the default one, ' +
            'nothing after it; the port of localhost, 127.0.0.1 and [::1] may be *',
        ).describe('scheme://host[:port]; the port of localhost, 127.0.0.1 and [::1] may be *.'),
        { error: 'a list of origins' },
      )
      .default([])
      .meta({
        description:
          'Origins of the web pages that may call the gateway. Requests without an Origin header, as all programs ' +
          'other than browsers send them, are not concerned.',
        examples: [['https://app.example', 'http://localhost:*']],
      }),
    limits: limits.prefault({}).describe('Limits on the size of messages.'),
    refresh: choice(['every-minute', 'off'])
      .default('every-minute')
      .describe(
        'Whether catalogs that callers share are refreshed, and the upstream sessions of expired client sessions ' +
          'closed, on a schedule.',
      ),
    listen: z
      .union(
        [
          choice(['off', 'poll']).describe('No stream, or one that ends at once.'),
          section(
            {
              holdSeconds: wholeNumber(LONGEST_HOLD_SECONDS, 'seconds').describe(
                'For how long the stream is held open, in seconds. It occupies an environment for as long.',
              ),
            },
            'an object with holdSeconds',
          ).describe('A stream that is held open.'),
        ],
        { error: '"off", "poll" or an object with holdSeconds' },
      )
      .default('poll')
      .describe(
        'What a legacy client gets that asks for a stream beside its calls (GET). "off": nothing. "poll": what there ' +
          'is to be told at the moment, and when to ask again. { "holdSeconds": N }: a stream that is held open.',
      ),
  },
  'an object with upstreams and servers',
);
