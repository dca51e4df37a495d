/**
 * What one side says arrives at the other to the byte, but for the edits that the gateway is there to make: ids, prefixed
 * names, progress tokens, client capabilities, and `resultType` where a modern result lacks it. Each message is a
 * template with these as its parameters, filled in once as it is sent and once as it is to arrive.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seeded } from '../support/property.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startVerbatimUpstream, type Talk, type VerbatimUpstream } from '../support/verbatim-upstream.ts';
import { openLegacySession, post, postStream, type Headers, type WireResponse } from '../support/wire.ts';

const property = seeded('test/peers/fidelity', 40);

// ---------------------------------------------------------------------------------------------------- what is carried

/** Everything that a parser and a printer in between would change, or would not know. */
const ODD = [
  '"beyond":9007199254740993,"exact":1.0,"exponent":1E+2,"tiny":1e-400,"huge":-1e400,"minus":-0',
  '"esc\\u0061ped":"\\u00e9\\ud83d\\ude00\\/\\u2028\\u0000\\b","lone":"\\ud800"',
  '"raw":"é 😀 e\u0301 שָׁלוֹם \u202eabc\u202c \u2028\u2029 \ufeff \u007f"',
  '"":{"":[]},"__proto__":{"polluted":true},"constructor":null,"toString":false',
  '"quotes":"\\\\\\"}],:{","nested":[[[{"a":[],"b":{}}]],[]]',
].join(',');
const ODD_OBJECT = `{${ODD}}`;

/** Spaces and line breaks wherever JSON allows them. */
const SPACED = '{\r\n\t"a" :\n\n [ 1.50 ,\r{ "b"\t:\t"two  spaces\\n" } , [ ] ] , "c" : { } }';

/** About 100 KB of all that UTF-8 can carry: one to four bytes a character, combining, right to left, separators. */
const LONG = Array.from(
  { length: 2200 },
  (_, index) => `${index} aé漢😀👨‍👩‍👧e\u0301\u0323 שָׁלוֹם مرحبا\u2028\u2029\ufffd`,
).join('\u{10fffd}');

/** Line breaks between tokens are spaces once an event has carried them; none stand anywhere else in a JSON text. */
function flat(text: string): string {
  return text.replace(/\r\n|\r|\n/g, ' ');
}

/** A result with every kind of content, known and unknown. `first` and `last` stand at its beginning and its end. */
function richResult(first = '', last = ''): string {
  const annotations =
    '"annotations":{"audience":["user","x-robot"],"priority":1.0,"lastModified":"2026-01-01","x-a":9007199254740993}';
  const icons =
    '"icons":[{"src":"data:image/png;base64,AA==","mimeType":"image/png","sizes":["48x48"],"theme":"dark","x-i":1.0}]';
  const content = [
    `{"type":"text","text":"plain","x-block":${ODD_OBJECT},${annotations},"_meta":{"com.example/a":1.0}}`,
    `{"type":"image","data":"AA==","mimeType":"image/png",${annotations}}`,
    `{"type":"resource_link","uri":"demo://a?b=c#d","name":"l","size":9007199254740993,${icons}}`,
    `{"type":"resource","resource":{"uri":"demo://r","text":"t","x-r":1.0,"_meta":{"k":[ 1.0 ]}}}`,
    `{"type":"com.example/hologram","points":[ 1.0, -0.0, 2e5 ],"x":${SPACED}}`,
    '{"x-no-type":true}',
  ].join(',');
  return `{${first}"content":[${content}],"structuredContent":${ODD_OBJECT},"isError":false,"x-result":${SPACED},"_meta":{${ODD},"progressToken":1.0}${last}}`;
}

// ------------------------------------------------------------------------------------------------------- both sides

const REVISIONS = ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'] as const;
type Revision = (typeof REVISIONS)[number];

let upstream: VerbatimUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startVerbatimUpstream();
  gateway = await startTestGateway({
    upstreams: { verbatim: { url: upstream.url, prefix: 'up' } },
    servers: { default: { upstreams: ['verbatim'] } },
  });
});

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
});

interface Speaker {
  readonly modern: boolean;
  /** Sends a request or whatever else as it is; `name` is what the headers mirror. */
  send(method: string, text: string, name?: string): Promise<WireResponse>;
  /** Sends a request, answers what the stream asks, and resolves with all of its messages, in order. */
  converse(method: string, text: string, answer: (question: string) => string): Promise<string[]>;
}

async function connect(revision: Revision): Promise<Speaker> {
  const url = gateway.url();
  const modern = revision === '2026-07-28';
  const capabilities = { sampling: {}, elicitation: {}, roots: {} };
  const session = modern ? {} : (await openLegacySession(url, { version: revision, capabilities })).headers;
  const headers = (method: string, name?: string): Headers =>
    modern
      ? { 'mcp-protocol-version': revision, 'mcp-method': method, ...(name === undefined ? {} : { 'mcp-name': name }) }
      : session;
  return {
    modern,
    send: (method, text, name) => post(url, text, headers(method, name)),
    async converse(method, text, answer) {
      const stream = await postStream(url, text, headers(method, 'up__tool'));
      const said: string[] = [];
      for await (const event of stream.events) {
        if (event.kind === 'comment') continue;
        said.push(event.data);
        if (event.message.method === undefined || event.message.id === undefined) continue;
        const taken = await post(url, answer(event.data), session);
        expect(taken.status).toBe(202);
      }
      return said;
    },
  };
}

/** What a request's `_meta` holds beside the token: the modern envelope, and keys that nobody knows. */
function metaOf({ modern }: Speaker, capabilities: string): string {
  const envelope = [
    '"io.modelcontextprotocol/protocolVersion":"2026-07-28"',
    '"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1","x-c":1.0,"icons":[ ]}',
    `"io.modelcontextprotocol/clientCapabilities":${capabilities}`,
    '"io.modelcontextprotocol/logLevel":"debug"',
  ];
  const unknown = [
    `"com.example/odd":${ODD_OBJECT}`,
    `"traceparent" :"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"`,
  ];
  return [...unknown.map((member) => member.replace(' :', ':')), ...(modern ? envelope : [])].join(',');
}

/** What a client declares, and what of it the gateway passes on. */
const DECLARED =
  '{"sampling":{"tools":{}},"tasks":{"list":{}},"elicitation":{"form":{}},"com.example/x":{},"roots":{}}';
const ANNOUNCED = '{"sampling":{"tools":{}},"elicitation":{"form":{}},"roots":{}}';

interface Parts {
  readonly id: string;
  readonly token: string;
  readonly capabilities: string;
  /** JSON text of the name, where the gateway prefixes it. */
  readonly name: string;
}

type Template = (parts: Parts, meta: string) => string;

/** A request of every method that names something, with keys that are escaped and members that nobody knows. */
const REQUESTS: Readonly<Record<string, Template>> = {
  'tools/call': ({ id, name, token }, meta) =>
    `{"jsonrpc":"2.0","x-top":${ODD_OBJECT},"\\u0069d":${id},"method":"tools/call","params":{"n\\u0061me":${name},` +
    `"arguments":${ODD_OBJECT},"x-spaced":${SPACED},"_m\\u0065ta":{"progressToken":${token},${meta}},"x":1.0}}`,
  'prompts/get': ({ id, name, token }, meta) =>
    `{"params":{"arguments":{"a":"${'\\u00e9'}"},"name":${name},"x-odd":${ODD_OBJECT},` +
    `"_meta":{${meta},"progressToken":${token}}},"jsonrpc":"2.0","method":"prompts/get","id":${id}}`,
  'completion/complete': ({ id, name, token }, meta) =>
    `{"jsonrpc":"2.0","id":${id},"method":"completion/complete","params":{"ref":{"x":1.0,"type":"ref/prompt","name":${name},` +
    `"title":"é"},"argument":{"name":"a","value":"\\u00e9","x":${SPACED}},"context":{"arguments":{}},"_meta":{"progressToken":${token},${meta}}}}`,
  'resources/read': ({ id, token }, meta) =>
    `{"jsonrpc":"2.0","id":${id},"method":"resources/read","params":{"uri":"demo://a/%20?b=c#d","x":${ODD_OBJECT},"_meta":{${meta},"progressToken":${token}}}}`,
  'tools/list': ({ id, token }, meta) =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/list","params":{"cursor":"\\u00e9==","x":${ODD_OBJECT},"_meta":{"progressToken":${token},${meta}}}}`,
};

const NAMES: Readonly<Record<string, string>> = {
  'tools/call': 'up__tool',
  'prompts/get': 'up__tool',
  'resources/read': 'demo://a/%20?b=c#d',
};

/** Ids and tokens whose text a parser would change. */
const CLIENT: Parts = {
  id: '9007199254740993',
  token: '"t\\u006fken é"',
  capabilities: DECLARED,
  name: '"up__to\\u006fl"',
};

function asUpstreamHears(id: string): Parts {
  return { id, token: id, capabilities: ANNOUNCED, name: '"tool"' };
}

function emptyResult({ idText, answer }: Talk): void {
  answer(`{"jsonrpc":"2.0","id":${idText},"result":{}}`);
}

function call(speaker: Speaker, parts: Parts = CLIENT): string {
  return REQUESTS['tools/call']!(parts, metaOf(speaker, parts.capabilities));
}

/** The messages of a response as they stand in it. */
function messagesIn({ text, headers }: WireResponse): string[] {
  if (headers['content-type'] === 'application/json') return [text];
  return text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice('data: '.length)] : []));
}

// ------------------------------------------------------------------------------------------------------------ tests

describe.each(REVISIONS)('%s', (revision) => {
  test.each(Object.keys(REQUESTS))('%s arrives upstream as it was sent', async (method) => {
    const speaker = await connect(revision);
    upstream.on(method, emptyResult);
    const write = (parts: Parts): string => REQUESTS[method]!(parts, metaOf(speaker, parts.capabilities));
    const answer = await speaker.send(method, write(CLIENT), NAMES[method]);
    expect(answer.messages).toMatchObject([{ result: {} }]);
    const { text, message } = upstream.last(method);
    expect(message.id).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(text).toBe(write(asUpstreamHears(JSON.stringify(message.id))));
  });

  test('an id comes back as it was written', async () => {
    const speaker = await connect(revision);
    upstream.on('tools/call', emptyResult);
    for (const id of ['9007199254740993', '1.0', '-0', '1e3', '"\\u0061\\/"', '""', '"😀\\ud800"']) {
      const { text } = await speaker.send('tools/call', call(speaker, { ...CLIENT, id }), 'up__tool');
      expect(text).toBe(`{"jsonrpc":"2.0","id":${id},"result":{${speaker.modern ? '"resultType":"complete"' : ''}}}`);
    }
  });

  test('a result arrives as the upstream wrote it, from JSON and from events', async () => {
    const speaker = await connect(revision);
    const write = (id: string, result: string): string =>
      `{"x-top":1.0,"result":${result},"jsonrpc":"2.0","id":${id},"z":${ODD_OBJECT}}`;
    const written = richResult(speaker.modern ? '"resultType":"com.example/odd",' : '');
    for (const form of ['JSON', 'events'] as const) {
      upstream.on('tools/call', ({ idText, say, answer }) => {
        if (form === 'events') say('{"jsonrpc":"2.0","method":"notifications/com.example/first"}');
        answer(write(idText, written));
      });
      const response = await speaker.send('tools/call', call(speaker), 'up__tool');
      expect(flat(messagesIn(response).at(-1) ?? '')).toBe(flat(write(CLIENT.id, written)));
    }
  });

  test('a result without a type gets one in the modern era only', async () => {
    const speaker = await connect(revision);
    const write = (id: string, last: string): string => `{"jsonrpc":"2.0","id":${id},"result":${richResult('', last)}}`;
    upstream.on('tools/call', ({ idText, answer }) => answer(write(idText, '')));
    const { text } = await speaker.send('tools/call', call(speaker), 'up__tool');
    expect(text).toBe(write(CLIENT.id, speaker.modern ? ',"resultType":"complete"' : ''));
  });

  test('a message with line breaks between its tokens arrives with the same tokens', async () => {
    const speaker = await connect(revision);
    const pretty = (id: string): string =>
      `{\r\n  "jsonrpc" : "2.0",\n  "id" : ${id} ,\r  "result" : {\n "resultType" : "complete", "a" : ${SPACED} }\n}\r\n`;
    const asObject = (id: string): string =>
      `{"jsonrpc":"2.0","id":${id},"result":{\n "resultType" : "complete", "a" : ${SPACED} }}`;
    for (const form of ['JSON', 'events'] as const) {
      upstream.on('tools/call', ({ idText, say, answer }) => {
        if (form === 'events') say(' {\n"jsonrpc":"2.0",\r"method":"notifications/com.example/a",\r\n"params":{ } }\n');
        answer(pretty(idText));
      });
      const response = await speaker.send('tools/call', call(speaker).replaceAll(',"', ',\r\n "'), 'up__tool');
      const said = messagesIn(response).map(flat);
      expect(said.at(-1)).toBe(flat(asObject(CLIENT.id)));
      if (form === 'events')
        expect(said[0]?.trim()).toBe('{ "jsonrpc":"2.0", "method":"notifications/com.example/a", "params":{ } }');
    }
  });

  test('what is said before the answer arrives as it was said', async () => {
    const speaker = await connect(revision);
    const progress = (token: string): string =>
      `{"jsonrpc":"2.0","x":1.0,"method":"notifications/progress","params":{"progress":1.0,"x":${ODD_OBJECT},"pr\\u006fgressToken":${token},"total":1e2,"_meta":{"k":1.0}}}`;
    const log = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":${ODD_OBJECT},"x":1.0},"y":{ }}`;
    const unknown = `{"method":"notifications/com.example/odd","jsonrpc":"2.0","params":${ODD_OBJECT}}`;
    upstream.on('tools/call', ({ idText, say, answer }) => {
      say(progress(idText));
      say(log);
      say(unknown);
      answer(`{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete"}}`);
    });
    const response = await speaker.send('tools/call', call(speaker), 'up__tool');
    expect(messagesIn(response).slice(0, -1)).toEqual([progress(CLIENT.token), log, unknown]);
  });

  test('an error arrives as the upstream wrote it', async () => {
    const speaker = await connect(revision);
    const write = (id: string): string =>
      `{"jsonrpc":"2.0","x":1.0,"error":{"x-e":1.0,"code":-32042,"message":"\\u00e9","data":${ODD_OBJECT}},"id":${id}}`;
    for (const form of ['JSON', 'events'] as const) {
      upstream.on('tools/call', ({ idText, say, answer }) => {
        if (form === 'events') say('{"jsonrpc":"2.0","method":"notifications/com.example/first"}');
        answer(write(idText));
      });
      const response = await speaker.send('tools/call', call(speaker), 'up__tool');
      expect(messagesIn(response).at(-1)).toBe(write(CLIENT.id));
    }
  });

  test('an error that comes with a status of 400 arrives as the upstream wrote it', async () => {
    const speaker = await connect(revision);
    const write = (id: string): string =>
      `{"jsonrpc":"2.0","id":${id},"error":{"code":-32021,"message":"\\u00e9","data":${ODD_OBJECT},"x-e":1.0}}`;
    upstream.on('tools/call', ({ idText, answer }) => answer(write(idText), 400));
    const { text } = await speaker.send('tools/call', call(speaker), 'up__tool');
    expect(text).toBe(write(CLIENT.id));
  });

  test('lists keep everything of their items but the names', async () => {
    const speaker = await connect(revision);
    const type = speaker.modern ? '"resultType":"complete",' : '';
    const tool = (name: string): string =>
      `{"x-first":1.0,"n\\u0061me":${name},"title":"\\u00e9","inputSchema":{"type":"object","x-schema":${SPACED},"minimum":1.0},` +
      `"outputSchema":${ODD_OBJECT},"annotations":{"readOnlyHint":true,"x":1.0},"icons":[{"src":"a","x":1.0}],` +
      `"execution":{"taskSupport":"optional"},"_meta":{${ODD}}}`;
    const write = (id: string, name: string): string =>
      `{"jsonrpc":"2.0","id":${id},"result":{${type}"ttlMs":1.0,"t\\u006fols":[${tool(name)},${tool(name)}],"nextCursor":"\\u00e9","x":${SPACED}}}`;
    upstream.on('tools/list', ({ idText, answer }) => answer(write(idText, '"to\\u006fl"')));
    const list = REQUESTS['tools/list']!(CLIENT, metaOf(speaker, DECLARED));
    const { text } = await speaker.send('tools/list', list);
    expect(text).toBe(write(CLIENT.id, '"up__tool"'));
  });

  test('100 KB of every kind of character arrive in both directions', async () => {
    const speaker = await connect(revision);
    expect(Buffer.byteLength(LONG)).toBeGreaterThan(100_000);
    const parts = (own: Parts): string => call(speaker, own).replace('"x-spaced":', `"long":"${LONG}","x-spaced":`);
    for (const form of ['JSON', 'events'] as const) {
      const write = (id: string): string =>
        `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete","long":"${LONG}"}}`;
      const interim = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${LONG}"}}`;
      upstream.on('tools/call', ({ idText, say, answer }) => {
        if (form === 'events') say(interim);
        answer(write(idText));
      });
      const response = await speaker.send('tools/call', parts(CLIENT), 'up__tool');
      const { text, message } = upstream.last('tools/call');
      expect(text === parts(asUpstreamHears(JSON.stringify(message.id)))).toBe(true);
      expect(messagesIn(response)).toEqual([...(form === 'events' ? [interim] : []), write(CLIENT.id)]);
    }
  });

  test(`whatever JSON holds arrives in both directions (seed ${property.seed})`, async () => {
    const speaker = await connect(revision);
    const begin = '"begin":0,"odd":';
    upstream.on('tools/call', ({ idText, text, say, answer }) => {
      const odd = text.slice(text.indexOf(begin) + begin.length, text.lastIndexOf(',"end":0'));
      if (odd.length % 2 === 0) say('{"jsonrpc":"2.0","method":"notifications/com.example/first"}');
      answer(`{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete","odd":${odd}}}`);
    });
    const holds = async (odd: string): Promise<void> => {
      const text = call(speaker).replace('"x-spaced":', `${begin}${odd},"end":0,"x-spaced":`);
      const response = await speaker.send('tools/call', text, 'up__tool');
      const expected = `{"jsonrpc":"2.0","id":${CLIENT.id},"result":{"resultType":"complete","odd":${odd}}}`;
      expect(flat(messagesIn(response).at(-1) ?? '')).toBe(flat(expected));
    };
    await fc.assert(fc.asyncProperty(jsonText(), holds), property);
  });
});

describe.each(REVISIONS.slice(1))('%s', (revision) => {
  test('a question arrives as it was put, and its answer as it was given', async () => {
    const speaker = await connect(revision);
    const question = (id: string): string =>
      `{"jsonrpc":"2.0","method":"sampling/createMessage","x":1.0,"params":{"messages":[{"role":"user","content":{"type":"com.example/x","x":${SPACED}}}],"maxTokens":1.0,"x":${ODD_OBJECT}},"\\u0069d":${id}}`;
    const answer = (id: string): string =>
      `{"jsonrpc":"2.0","x":1.0,"result":{"role":"assistant","model":"m","content":{"type":"com.example/y","x":${SPACED}},"x":${ODD_OBJECT}},"\\u0069d":${id}}`;
    const refusal = (id: string): string =>
      `{"id":${id},"jsonrpc":"2.0","error":{"code":-1,"message":"\\u00e9","data":${ODD_OBJECT},"x":1.0}}`;
    const heard: string[] = [];
    upstream.on('tools/call', async ({ idText, ask, answer: finish }) => {
      heard.push((await ask(question('7'), 7)).text, (await ask(question('"7"'), '7')).text);
      finish(`{"jsonrpc":"2.0","id":${idText},"result":{}}`);
    });
    const ids: string[] = [];
    const said = await speaker.converse('tools/call', call(speaker), (asked) => {
      ids.push(JSON.stringify((JSON.parse(asked) as { id: unknown }).id));
      return ids.length === 1 ? answer(ids[0]!) : refusal(ids[1]!);
    });
    expect(said.slice(0, -1)).toEqual(ids.map((id) => flat(question(id))));
    expect(heard).toEqual([answer('7'), refusal('"7"')]);
  });

  test('a notification of the client arrives as it was sent', async () => {
    const speaker = await connect(revision);
    upstream.on('tools/call', emptyResult);
    await speaker.send('tools/call', call(speaker), 'up__tool');
    const text = `{"x":1.0,"jsonrpc":"2.0","method":"notifications/roots/list_changed","params":{"_meta":${ODD_OBJECT},"x":${SPACED}}}`;
    const { status } = await speaker.send('notifications/roots/list_changed', text);
    expect(status).toBe(202);
    expect(upstream.last('notifications/roots/list_changed').text).toBe(text);
  });
});

describe('2026-07-28', () => {
  test('an answer that asks for input arrives untouched, and so does what is given for it', async () => {
    const speaker = await connect('2026-07-28');
    const asked = (id: string): string =>
      `{"jsonrpc":"2.0","id":${id},"result":{"requestState":"\\u00e9+/==","resultType":"input_required","inputRequests":{"k\\u0061":{"method":"elicitation/create","params":${ODD_OBJECT}}}}}`;
    upstream.on('tools/call', ({ idText, answer }) => answer(asked(idText)));
    const { text } = await speaker.send('tools/call', call(speaker), 'up__tool');
    expect(text).toBe(asked(CLIENT.id));
    const given = (parts: Parts): string =>
      call(speaker, parts).replace(
        '"x-spaced":',
        `"requestState":"\\u00e9+/==","inputResponses":{"k\\u0061":{"action":"accept","content":${ODD_OBJECT}}},"x-spaced":`,
      );
    await speaker.send('tools/call', given(CLIENT), 'up__tool');
    const heard = upstream.last('tools/call');
    expect(heard.text).toBe(given(asUpstreamHears(JSON.stringify(heard.message.id))));
  });

  test('a name that a header cannot carry plainly is mirrored in Base64, and parameters as they came', async () => {
    const speaker = await connect('2026-07-28');
    upstream.on('tools/call', emptyResult);
    const sentinel = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
    const parts = { ...CLIENT, name: '"up__té 😀"' };
    const answer = await post(gateway.url(), call(speaker, parts), {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': sentinel('up__té 😀'),
      'mcp-param-region': sentinel('é'),
      'mcp-param-plain': 'a, b',
    });
    expect(answer.messages).toMatchObject([{ result: {} }]);
    const { headers } = upstream.last('tools/call');
    expect(headers['mcp-name']).toBe(sentinel('té 😀'));
    expect([headers['mcp-param-region'], headers['mcp-param-plain']]).toEqual([sentinel('é'), 'a, b']);
  });
});

/** JSON texts, not values: with escapes, numbers and spaces in every form that the grammar allows. */
function jsonText(): fc.Arbitrary<string> {
  const space = fc.constantFrom('', '', '', ' ', '\n', '\r\n', '\t ');
  const character = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }).map((text) => JSON.stringify(text).slice(1, -1)),
    fc.constantFrom('\\"', '\\\\', '\\/', '\\n', '\\u0000', '\\ud83d', '\\uDE00', '\u2028', '\ufeff', '{', '],', ':'),
  );
  const string = fc.array(character, { maxLength: 6 }).map((parts) => `"${parts.join('')}"`);
  const number = fc.stringMatching(/^-?(?:0|[1-9][0-9]{0,25})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?$/);
  const { value } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.oneof(string, number, fc.constantFrom('true', 'false', 'null')),
      tie('array'),
      tie('object'),
    ),
    array: fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 5 })
      .map((items) => `[${items.map((parts) => parts.join('')).join(',')}]`),
    object: fc
      .uniqueArray(fc.tuple(space, string, space, tie('value'), space), {
        maxLength: 5,
        selector: ([, key]) => JSON.parse(key) as string,
      })
      .map((items) => `{${items.map(([a, key, b, text, c]) => `${a}${key}${b}:${text}${c}`).join(',')}}`),
  }));
  return value;
}
