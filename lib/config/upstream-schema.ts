/** What the configuration file may say of an upstream and its tools. */
import * as z from 'zod';
import { KEYS, choice, named, section, text, trueOrFalse, wholeNumber } from './shapes.ts';

/** A Lambda function ends after 900 s at the latest. */
export const LONGEST_FUNCTION_MS = 900_000;
/** What the function's timeout leaves after the longest call, for starting and for the last word. */
export const FUNCTION_MARGIN_MS = 5_000;
export const LONGEST_TOOL_MS = LONGEST_FUNCTION_MS - FUNCTION_MARGIN_MS;

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

/** Keys that only an upstream with a `url`, or only one with a `command`, can have. */
export const REACH = {
  url: ['transport', 'headers', 'forwardHeaders', 'connectTimeoutMs'],
  command: ['args', 'env', 'cwd', 'idleMs', 'maxProcesses'],
} as const;

export const PREFIX_PATTERN = /^[A-Za-z0-9-]{0,20}$/;

/** Waiting longer between attempts than this many take would outlast any call. */
const MOST_RETRIES = 10;
/** All slots are in one record. */
const MOST_CONCURRENT = 100;
const MOST_FAILURES = 1_000;
/** A week. */
const LONGEST_TTL_SECONDS = 604_800;

const DEFAULT_BREAKER = { failures: 5, openMs: 10_000 };

const retries = wholeNumber(MOST_RETRIES, 'repetitions', 0);

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

/** As a header's value may be (RFC 9110, section 5.5). */
const HEADER_TEXT = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;
const HEADER_TEXT_EXPECTED = 'text of visible ASCII characters, with spaces and tabs only between them';

/** What both stores take in names. An ARN is none: it has a region and an account in it. */
const SECRET_NAME = /^[A-Za-z0-9/_+=.@-]{1,512}$/;

const secretReference = section(
  {
    secret: text(SECRET_NAME, 'the name of a secret: 1 to 512 letters, digits and / _ + = . @ -, and no ARN').describe(
      'Name of the secret. The local gateway takes the value of the environment variable SLUICE_SECRET_<NAME> instead, ' +
        'in upper case and with _ for whatever is neither a letter nor a digit.',
    ),
    store: choice(['secretsmanager', 'ssm'])
      .default('secretsmanager')
      .describe(
        'Where the deployed gateway reads it: "secretsmanager" is AWS Secrets Manager, "ssm" is a parameter of AWS ' +
          'Systems Manager.',
      ),
    key: text(/^[^\u0000-\u001f\u007f]{1,256}$/, 'the name of a member, without control characters')
      .optional()
      .describe('The member that is meant, when the secret is a JSON object. Left out: the secret as it is.'),
    prefix: text(/^[\x20-\x7e]{1,64}$/, 'text of 1 to 64 visible ASCII characters and spaces')
      .optional()
      .meta({ description: 'Goes before the secret in the header. Left out: nothing.', examples: ['Bearer '] }),
  },
  'an object with the name of a secret',
).describe('A secret that is read when it is needed, and again after five minutes.');

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
      z
        .union(
          [
            text(HEADER_TEXT, HEADER_TEXT_EXPECTED).describe(
              'Value of the header: visible ASCII characters, with spaces and tabs only between them.',
            ),
            secretReference,
          ],
          { error: `${HEADER_TEXT_EXPECTED}, or an object with the name of a secret` },
        )
        .describe('Value of the header, or the secret that it is.'),
      'an object of header names and values',
    )
      .default({})
      .meta({
        description:
          'HTTP headers sent to this upstream with every request. A credential is the reference to a secret. No header ' +
          'that HTTP or MCP sets.',
        examples: [{ 'x-team': 'search', authorization: { secret: 'search-token', prefix: 'Bearer ' } }],
      }),
    forwardHeaders: z
      .array(
        text(KEYS.headerName.pattern, KEYS.headerName.expected).describe("Name of a header of the client's request."),
        { error: 'a list of header names' },
      )
      .default([])
      .meta({
        description:
          "Headers of the client's request that are sent on to this upstream. Whatever an upstream says is kept apart by " +
          'their values. Never credentials or cookies, and no header that HTTP, MCP or the platform sets.',
        uniqueItems: true,
        examples: [['x-tenant']],
      }),
    traceContext: trueOrFalse
      .default(true)
      .describe(
        'Whether this upstream is told which trace a request is part of (traceparent, tracestate and X-Amzn-Trace-Id), ' +
          "and the client's own baggage with it. false for a server of somebody else that is to learn neither.",
      ),
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
