/**
 * The configuration file, defined once: what it may hold, what each key means, and its defaults. The JSON Schema for
 * editors is generated from this; rules that span several keys are in `rules.ts`. The core imports only the types, so
 * that the validation package is loaded where a file is read and never in a Lambda function.
 */
import * as z from 'zod';
import { KEYS, choice, named, section, text, trueOrFalse, wholeNumber } from './shapes.ts';
import { upstream } from './upstream-schema.ts';

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
  readonly deployment: DeploymentConfig;
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
  readonly headers: Readonly<Record<string, string | SecretReference>>;
  /** Headers of the client's request that are sent on with what is asked on its behalf. Names are lower case. */
  readonly forwardHeaders: readonly string[];
  /** Whether it is told which trace a request is part of, and the client's baggage. */
  readonly traceContext: boolean;
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

/**
 * The value of a header that is not in the file: a secret that is read when it is needed. Locally it is the value of an
 * environment variable (see `secrets.ts`).
 */
export interface SecretReference {
  /** Its name in the store. */
  readonly secret: string;
  /** AWS Secrets Manager, or a parameter of AWS Systems Manager. */
  readonly store: 'secretsmanager' | 'ssm';
  /** The member of a JSON object that is meant; absent when the secret is the value itself. */
  readonly key?: string;
  /** Goes before it in the header. */
  readonly prefix?: string;
}

/** Who may call, and how callers are known. */
export type AuthConfig =
  /** Whoever signs requests with AWS credentials that may invoke the function; the platform checks it. */
  | { readonly mode: 'iam' }
  /** Everyone, and everyone is anonymous. It is deployed only with the operator's word that this is meant. */
  | { readonly mode: 'none'; readonly iUnderstandThisIsOpen: boolean };

/** What the deployed function gets. */
export interface DeploymentConfig {
  /** Memory of the function, in megabytes; its processor grows with it. */
  readonly memoryMb: number;
  /** For how long log lines are kept, in days. */
  readonly logRetentionDays: number;
  /** Most environments of the function at once, which are then nobody else's either; absent when the account's limit is all. */
  readonly reservedConcurrency?: number;
  /** Whether there are metrics, with a dashboard and alarms. */
  readonly monitoring: boolean;
  /** The SNS topic that hears of alarms; absent when they are only shown. */
  readonly alarmTopicArn?: string;
  readonly tracing: TracingConfig;
}

/** Which requests X-Ray is to record: so many of each second, and of the others this share. */
export type TracingConfig = 'off' | { readonly perSecond: number; readonly rate: number };

export interface LimitsConfig {
  /** Largest body of a client's request, in bytes. */
  readonly requestBytes: number;
  /** Largest single message of an upstream, in bytes. */
  readonly upstreamMessageBytes: number;
}

/** What a file of the right shape holds, before the defaults that depend on other keys. */
export type ConfigFile = z.output<typeof configFile>;
export type UpstreamFile = z.output<typeof upstream>;

export const MOST_UPSTREAMS_OF_SERVER = 100;
/** The function ends after 900 s at the latest. */
const LONGEST_HOLD_SECONDS = 840;
/** The most that a function URL takes in a request. */
const LARGEST_REQUEST_BYTES = 6 * 1024 * 1024;
/** The most that a function URL sends in a response. */
const LARGEST_RESPONSE_BYTES = 200 * 1024 * 1024;

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

const auth = z.discriminatedUnion(
  'mode',
  [
    section({ mode: z.literal('iam') }, 'an object with a mode').describe(
      'Whoever may invoke the function signs requests with AWS credentials (Signature Version 4).',
    ),
    section(
      {
        mode: z.literal('none'),
        iUnderstandThisIsOpen: trueOrFalse
          .default(false)
          .describe('Whether it is meant that everyone who knows the address may call. A deployment must say so.'),
      },
      'an object with a mode',
    ).describe('Everyone may call, and everyone is anonymous.'),
  ],
  { error: (issue) => (issue.code === 'invalid_union' ? '"iam" or "none"' : 'an object with a mode') },
);

/** The days that CloudWatch Logs knows (PutRetentionPolicy). */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Less than this is no help: the function needs about 100 MB for itself. */
const LEAST_MEMORY_MB = 256;
const MOST_MEMORY_MB = 10_240;
/** What AWS lets an account have, unless asked for less or more, and leaves to its other functions. */
const MOST_RESERVED = 10_000;

/** More than anybody would pay for. */
const MOST_TRACES_PER_SECOND = 1000;

const tracing = z.union(
  [
    choice(['off']).describe('No traces.'),
    section(
      {
        perSecond: wholeNumber(MOST_TRACES_PER_SECOND, 'requests', 0)
          .default(0)
          .describe('How many requests of each second are traced in any case.'),
        rate: z
          .number({ error: 'a number from 0 to 1' })
          .min(0, { error: 'a number from 0 to 1' })
          .max(1, { error: 'a number from 0 to 1' })
          .default(0.05)
          .describe('The share of the others that is traced, from 0 to 1.'),
      },
      'an object with any of perSecond and rate',
    ).describe('A sampling rule for X-Ray.'),
  ],
  { error: '"off" or an object with any of perSecond and rate' },
);

const deployment = section(
  {
    memoryMb: wholeNumber(MOST_MEMORY_MB, 'megabytes', LEAST_MEMORY_MB)
      .default(512)
      .describe('Memory of the deployed function, in megabytes. Its share of a processor grows with it.'),
    logRetentionDays: z
      .literal(RETENTION_DAYS, { error: `a number of days that CloudWatch Logs knows: ${RETENTION_DAYS.join(', ')}` })
      .default(30)
      .describe('For how long log lines are kept, in days.'),
    reservedConcurrency: wholeNumber(MOST_RESERVED, 'environments')
      .optional()
      .describe(
        'Most environments of the function at once; they are set aside for it, and requests beyond that get 429. Left ' +
          'out: what the account has left.',
      ),
    monitoring: trueOrFalse
      .default(true)
      .describe('Whether the gateway writes metrics, with a dashboard and alarms for them. They cost extra.'),
    alarmTopicArn: text(
      /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/,
      'the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME',
    )
      .optional()
      .describe('The SNS topic that is told of alarms. Left out: they are shown in the console only.'),
    tracing: tracing
      .prefault({})
      .describe('Which requests are traced with X-Ray. "off": none, and the functions may not write traces.'),
  },
  'an object with any of memoryMb, logRetentionDays, reservedConcurrency, monitoring, alarmTopicArn and tracing',
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
    auth: auth
      .optional()
      .describe(
        'Who may call the gateway. "iam": whoever signs requests with AWS credentials that may invoke it. "none": ' +
          'everyone. Left out: "iam" when it is deployed, everyone on your own machine.',
      ),
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
    deployment: deployment
      .prefault({})
      .describe('What the deployed function gets. The local gateway does not read it.'),
  },
  'an object with upstreams and servers',
);
