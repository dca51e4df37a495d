import { KEYS } from '../../lib/config/schema.ts';

const WHOLE_MS = 'a whole number of milliseconds from 1 to 900000';
const NO_URL_KEY = 'no such key: it is for an upstream that has a url, and this one has a command';
const NO_COMMAND_KEY = 'no such key: it is for an upstream that has a command, and this one has a url';

/** Every kind of mistake that a file can have while it is JSON: once each, and in the order of the file. */
export const MISTAKES: readonly (readonly [path: string, expected: string | RegExp])[] = [
  ['line 5, column 7', 'each key once in an object'],
  ['$schema', 'the address of the JSON Schema, for editors'],
  ['upstreams.shape', /^an object with at least a url or a command/],
  ['upstreams["Bad Name"]', KEYS.name.expected],
  ['upstreams.a-name-that-is-too-long-to-be-a-prefix.prefix', /^a prefix of at most 20 characters/],
  ['upstreams.neither.url', 'the URL of an MCP endpoint, or a command in its place'],
  ['upstreams.both.command', 'no command beside a url: an upstream has one of the two'],
  ['upstreams.address.url', /^an absolute http:\/\/ or https:\/\/ URL/],
  ['upstreams.port.url', 'a URL with a valid host and port'],
  ['upstreams.remote.speed', /^no such key \(known here: url, /],
  ['upstreams.remote.transport', '"http", because the modern era is not spoken over HTTP+SSE'],
  ['upstreams.remote.prefix', /^1 to 20 letters, digits and hyphens/],
  ['upstreams.remote.isolation', '"caller" or "call" or "shared"'],
  ['upstreams.remote.headers.x-line', /^text of visible ASCII characters/],
  ['upstreams.remote.headers["a b"]', KEYS.headerName.expected],
  ['upstreams.remote.headers.x-TWICE', 'each header once, whatever its case'],
  ['upstreams.remote.headers.cookie', /^no credentials/],
  ['upstreams.remote.headers.host', 'a header that the gateway and HTTP do not set themselves'],
  ['upstreams.remote.headers.mcp-any', 'a header that MCP does not define: mcp-* is set by the gateway'],
  ['upstreams.remote.timeoutMs', WHOLE_MS],
  ['upstreams.remote.idleTimeoutMs', WHOLE_MS],
  ['upstreams.remote.connectTimeoutMs', WHOLE_MS],
  ['upstreams.remote.listTtlMs', 'a whole number of milliseconds from 0 to 86400000'],
  ['upstreams.remote.pin', 'true or false'],
  ['upstreams.remote.tools[""]', KEYS.toolName.expected],
  ['upstreams.remote.tools.total.timeoutMs', 'a whole number of milliseconds from 1 to 895000'],
  ['upstreams.remote.tools.idle.idleTimeoutMs', 'at most the total limit of the call, 5'],
  ['upstreams.remote.tools.shape', /^an object with any of timeoutMs, /],
  ['upstreams.remote.args', NO_COMMAND_KEY],
  ['upstreams.remote.env', NO_COMMAND_KEY],
  ['upstreams.remote.cwd', NO_COMMAND_KEY],
  ['upstreams.remote.idleMs', NO_COMMAND_KEY],
  ['upstreams.remote.maxProcesses', NO_COMMAND_KEY],
  ['upstreams.slow.idleTimeoutMs', 'at most the total limit of the call, 1000'],
  ['upstreams.slow.connectTimeoutMs', 'at most the total limit of the call, 1000'],
  ['upstreams.program.command', 'a command, which is not empty, without NUL characters'],
  ['upstreams.program.args[1]', 'text, without NUL characters'],
  ['upstreams.program.env.NUL', 'text, without NUL characters'],
  ['upstreams.program.env["A=..."]', KEYS.variableName.expected],
  ['upstreams.program.cwd', 'a folder, without NUL characters'],
  ['upstreams.program.idleMs', 'a whole number of milliseconds from 1 to 86400000'],
  ['upstreams.program.maxProcesses', 'a whole number of processes from 1 to 1000'],
  ['upstreams.program.era', '"auto" or "modern" or "legacy"'],
  ['upstreams.program.transport', NO_URL_KEY],
  ['upstreams.program.headers', NO_URL_KEY],
  ['upstreams.program.connectTimeoutMs', NO_URL_KEY],
  ['upstreams.program.tools.any.connectTimeoutMs', NO_URL_KEY],
  ['servers.default.upstreams[1]', 'each upstream once'],
  ['servers.default.upstreams[2]', /^an upstream with a prefix of its own/],
  ['servers.default.upstreams[3]', 'the name of an upstream'],
  ['servers.default.prompts', 'no such key (known here: upstreams, tools)'],
  ['servers.none.upstreams', 'at least one upstream'],
  ['servers.crowd.upstreams', 'at most 100 upstreams'],
  ['servers.tools.tools[0]', 'a pattern of names that begin with "slow__"'],
  ['servers.tools.tools[1]', /^a tool name, in which \* stands for any text/],
  ['servers.bare.upstreams', 'a list of names of upstreams'],
  ['servers.Server', KEYS.name.expected],
  ['auth.mode', '"none"'],
  ['origins[0]', /^an origin as browsers send it: /],
  ['origins[1]', 'an origin as browsers send it, with a valid host and without the default port'],
  ['origins[2]', /^a port other than \*/],
  ['limits.requestBytes', 'a whole number of bytes from 1 to 6291456'],
  ['refresh', '"every-minute" or "off"'],
  ['speed', /^no such key \(known here: \$schema, /],
];

/** One more upstream than a virtual server can show. */
const CROWD = Array.from({ length: 101 }, (_, index) => `crowd-${index}`);

/** The file that has them. */
export const FILE = `{
  "$schema": 1,
  "upstreams": {
    "shape": "http://time.example",
      "shape": "http://time.example",
    "Bad Name": { "url": "http://time.example", "prefix": "p" },
    "a-name-that-is-too-long-to-be-a-prefix": { "url": "http://time.example" },
    "neither": {},
    "both": { "url": "http://time.example", "command": "mcp-server-time" },
    "address": { "url": "time.example" },
    "port": { "url": "http://time.example:99999" },
    "remote": {
      "url": "http://time.example",
      "speed": 1,
      "transport": "sse",
      "prefix": "a b",
      "era": "modern",
      "isolation": "none",
      "headers": {
        "x-line": "a\\nb",
        "a b": "c",
        "x-twice": "a",
        "x-TWICE": "b",
        "cookie": "a",
        "host": "a",
        "mcp-any": "a"
      },
      "timeoutMs": 0,
      "idleTimeoutMs": "5 s",
      "connectTimeoutMs": 1.5,
      "listTtlMs": -1,
      "pin": "yes",
      "tools": {
        "": {},
        "total": { "timeoutMs": 900000 },
        "idle": { "timeoutMs": 5, "idleTimeoutMs": 6 },
        "shape": 5
      },
      "args": [],
      "env": {},
      "cwd": ".",
      "idleMs": 1,
      "maxProcesses": 1
    },
    "slow": { "url": "http://time.example", "timeoutMs": 1000, "idleTimeoutMs": 1001, "connectTimeoutMs": 1001 },
    ${CROWD.map((name) => `"${name}": { "url": "http://time.example" },`).join(' ')}
    "rival": { "url": "http://time.example", "prefix": "slow" },
    "program": {
      "command": "",
      "args": ["-v", 7],
      "env": { "NUL": "\\u0000", "A=B": "c" },
      "cwd": "",
      "idleMs": 0,
      "maxProcesses": 0,
      "era": "2025-11-25",
      "transport": "http",
      "headers": {},
      "connectTimeoutMs": 1,
      "tools": { "any": { "connectTimeoutMs": 1 } }
    }
  },
  "servers": {
    "default": { "upstreams": ["slow", "slow", "rival", "missing"], "prompts": [] },
    "none": { "upstreams": [] },
    "crowd": { "upstreams": ${JSON.stringify(CROWD)} },
    "tools": { "upstreams": ["slow"], "tools": ["fast__*", "slow__?"] },
    "bare": {},
    "Server": { "upstreams": ["slow"] }
  },
  "auth": { "mode": "open" },
  "origins": ["app.example", "https://app.example:443", "https://app.example:*"],
  "limits": { "requestBytes": 0 },
  "refresh": "hourly",
  "speed": 1
}`;
