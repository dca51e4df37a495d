/**
 * What one side says arrives at the other to the byte, but for the edits that the gateway is there to make: ids, prefixed
 * names, progress tokens, client capabilities, and `resultType` where a modern result lacks it. Each message is a
 * template with these as its parameters, filled in once as it is sent and once as it is to arrive.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memberText } from '../../lib/protocol/json-text.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { seeded } from '../support/property.ts';
import { startVerbatimUpstream, type Talk, type VerbatimUpstream } from '../support/verbatim-upstream.ts';
import { openLegacySession, post, postStream, type Headers, type WireResponse } from '../support/wire.ts';
import { ANNOUNCED, DECLARED, metaMembers, MIRRORED, object, ODD_OBJECT, REQUESTS, type Parts } from './odd-json.ts';
import { flat, jsonText, LONG, richResult, richTool, SPACED } from './odd-json.ts';

const property = seeded('test/peers/fidelity', 30);

const REVISIONS = ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'] as const;
type Revision = (typeof REVISIONS)[number];

/** How an upstream answers: as one JSON value, or as events of which the answer is the last. */
const FORMS = ['JSON', 'events'] as const;

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

// -------------------------------------------------------------------------------------------------------- the client

/** Ids, tokens and names whose text a parser would change. */
const CLIENT: Parts = {
  id: '9007199254740993',
  token: '"t\\u006fken é"',
  capabilities: DECLARED,
  name: '"up__to\\u006fl"',
};

interface Speaker {
  readonly modern: boolean;
  request(method: string, parts?: Parts): string;
  /** Sends a message as it is; `name` is what the headers mirror. */
  send(method: string, text: string, name?: string): Promise<WireResponse>;
  /** Calls the tool. */
  call(text?: string): Promise<WireResponse>;
  /** Calls the tool, answers what its stream asks, and resolves with all messages of the stream, in order. */
  converse(answer: (question: string) => string): Promise<string[]>;
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
  const request: Speaker['request'] = (method, parts = CLIENT) =>
    REQUESTS[method]!(parts, metaMembers(modern, parts.capabilities));
  const send: Speaker['send'] = (method, text, name) => post(url, text, headers(method, name));
  return {
    modern,
    request,
    send,
    call: (text = request('tools/call')) => send('tools/call', text, 'up__tool'),
    async converse(answer) {
      const stream = await postStream(url, request('tools/call'), headers('tools/call', 'up__tool'));
      const said: string[] = [];
      for await (const event of stream.events) {
        if (event.kind === 'comment' || event.data === '') continue;
        said.push(event.data);
        const isQuestion = event.message.method !== undefined && event.message.id !== undefined;
        if (isQuestion) expect((await post(url, answer(event.data), session)).status).toBe(202);
      }
      return said;
    },
  };
}

/** The messages of a response as they stand in it. */
function messagesIn({ text, headers }: WireResponse): string[] {
  if (headers['content-type'] === 'application/json') return [text];
  return text
    .split('\n')
    .flatMap((line) =>
      line.length > 'data: '.length && line.startsWith('data: ') ? [line.slice('data: '.length)] : [],
    );
}

function answerIn(response: WireResponse): string {
  return messagesIn(response).at(-1) ?? '';
}

// ------------------------------------------------------------------------------------------------------ the upstream

/** The parts as they are to arrive upstream, under the id that the gateway has chosen. */
function asHeard({ message }: { readonly message: { readonly id: string } }): Parts {
  const id = JSON.stringify(message.id);
  return { id, token: id, capabilities: ANNOUNCED, name: '"tool"' };
}

function emptyResult({ idText, answer }: Talk): void {
  answer(response(idText, '{}'));
}

/** Answers with this; as events, something else comes first. */
function answerAs(form: (typeof FORMS)[number], write: (id: string) => string): (talk: Talk) => void {
  return ({ idText, say, answer }) => {
    if (form === 'events') say('{"jsonrpc":"2.0","method":"notifications/com.example/first"}');
    answer(write(idText));
  };
}

function response(id: string, result: string): string {
  return object('"jsonrpc":"2.0"', `"id":${id}`, `"result":${result}`);
}

function notification(method: string, params: string): string {
  return object('"x":1.0', '"jsonrpc":"2.0"', `"method":"notifications/${method}"`, `"params":${params}`, '"y":{ }');
}

// ------------------------------------------------------------------------------------------------------------- tests

/** Lists are asked for on the gateway's own behalf; everything else is the client's. */
const RELAYED = Object.keys(REQUESTS).filter((method) => method !== 'tools/list');

describe.each(REVISIONS)('%s', (revision) => {
  test.each(RELAYED)('%s arrives upstream as it was sent', async (method) => {
    const speaker = await connect(revision);
    upstream.on(method, emptyResult);
    const { messages } = await speaker.send(method, speaker.request(method), MIRRORED[method]);
    expect(messages).toMatchObject([{ result: {} }]);
    const heard = upstream.last(method);
    expect(heard.message.id).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(heard.text).toBe(speaker.request(method, asHeard(heard)));
  });

  test('an id comes back as it was written', async () => {
    const speaker = await connect(revision);
    upstream.on('tools/call', emptyResult);
    const result = speaker.modern ? '{"resultType":"complete"}' : '{}';
    for (const id of ['9007199254740993', '1.0', '-0', '1e3', '"\\u0061\\/"', '""', '"😀\\ud800"']) {
      const { text } = await speaker.call(speaker.request('tools/call', { ...CLIENT, id }));
      expect(text).toBe(response(id, result));
    }
  });

  test.each(FORMS)('a result arrives as the upstream wrote it as %s', async (form) => {
    const speaker = await connect(revision);
    const result = richResult(speaker.modern ? '"resultType":"com.example/odd"' : '');
    const write = (id: string): string =>
      object('"x":1.0', `"result":${result}`, '"jsonrpc":"2.0"', `"id":${id}`, '"z":{ }');
    upstream.on('tools/call', answerAs(form, write));
    expect(flat(answerIn(await speaker.call()))).toBe(flat(write(CLIENT.id)));
  });

  test('a result without a type gets one in the modern era only', async () => {
    const speaker = await connect(revision);
    upstream.on('tools/call', ({ idText, answer }) => answer(response(idText, richResult())));
    const { text } = await speaker.call();
    expect(text).toBe(response(CLIENT.id, richResult(speaker.modern ? '"resultType":"complete"' : '')));
  });

  test.each(FORMS)('line breaks between tokens, as %s, change nothing in the tokens', async (form) => {
    const speaker = await connect(revision);
    const result = `{\n "resultType" : "complete", "a" : ${SPACED} }`;
    const pretty = (id: string): string => `{\r\n  "jsonrpc" : "2.0",\n  "id" : ${id} ,\r  "result" : ${result}\n}\r\n`;
    upstream.on('tools/call', answerAs(form, pretty));
    const broken = speaker.request('tools/call').replaceAll(',"', ',\r\n "');
    expect(flat(answerIn(await speaker.call(broken)))).toBe(flat(response(CLIENT.id, result)));
    expect(upstream.last('tools/call').message.params.arguments).toEqual(JSON.parse(ODD_OBJECT));
  });

  test('what is said before the answer arrives as it was said', async () => {
    const speaker = await connect(revision);
    const progress = (token: string): string =>
      notification(
        'progress',
        object('"progress":1.0', `"x":${ODD_OBJECT}`, `"pr\\u006fgressToken":${token}`, '"total":1e2'),
      );
    const log = notification('message', object('"level":"info"', `"data":${ODD_OBJECT}`, `"x":${SPACED}`));
    const unknown = notification('com.example/odd', ODD_OBJECT);
    upstream.on('tools/call', ({ idText, say, answer }) => {
      for (const text of [progress(idText), log, unknown]) say(text);
      answer(response(idText, '{}'));
    });
    const said = messagesIn(await speaker.call());
    expect(said.slice(0, -1)).toEqual([progress(CLIENT.token), flat(log), unknown]);
  });

  test.each(FORMS)('an error arrives as the upstream wrote it as %s', async (form) => {
    const speaker = await connect(revision);
    const error = object('"x":1.0', '"code":-32042', '"message":"\\u00e9"', `"data":${ODD_OBJECT}`);
    const write = (id: string): string => object('"jsonrpc":"2.0"', '"x":1.0', `"error":${error}`, `"id":${id}`);
    upstream.on('tools/call', answerAs(form, write));
    expect(answerIn(await speaker.call())).toBe(write(CLIENT.id));
  });

  test('an error that comes with a status of 400 arrives as the upstream wrote it', async () => {
    const speaker = await connect(revision);
    const error = object('"code":-32021', '"message":"\\u00e9"', `"data":${ODD_OBJECT}`, '"x":1.0');
    const write = (id: string): string => object('"jsonrpc":"2.0"', `"id":${id}`, `"error":${error}`);
    upstream.on('tools/call', ({ idText, answer }) => answer(write(idText), 400));
    expect((await speaker.call()).text).toBe(write(CLIENT.id));
  });

  test('lists keep everything of their items but the names, and are asked for in the gateway’s own words', async () => {
    const speaker = await connect(revision);
    const list = (first: string, second: string): string => `[${richTool(first)},${richTool(second)}]`;
    const own = object('"ttlMs":1.0', `"t\\u006fols":${list('"to\\u006fl"', '"\\"é"')}`, '"x":[ ]');
    upstream.on('tools/list', ({ idText, answer }) => answer(response(idText, own)));
    const { text } = await speaker.send('tools/list', speaker.request('tools/list'));
    expect(memberText(text, 'id')).toBe(CLIENT.id);
    const result = memberText(text, 'result') ?? '{}';
    expect(memberText(result, 'tools')).toBe(list('"up__tool"', JSON.stringify('up__"é')));
    const around = speaker.modern ? ['tools', 'resultType', 'ttlMs', 'cacheScope', '_meta'] : ['tools'];
    expect(Object.keys(JSON.parse(result) as object)).toEqual(around);
    const heard = upstream.last('tools/list');
    expect(heard.text).not.toMatch(/com.example|"x"|progressToken/);
  });

  test.each(FORMS)('100 KB of every kind of character arrive in both directions, as %s', async (form) => {
    const speaker = await connect(revision);
    expect(Buffer.byteLength(LONG)).toBeGreaterThan(100_000);
    const sent = (parts: Parts): string =>
      speaker.request('tools/call', parts).replace('"x-spaced":', `"long":"${LONG}","x-spaced":`);
    const result = object('"resultType":"complete"', `"long":"${LONG}"`);
    upstream.on(
      'tools/call',
      answerAs(form, (id) => response(id, result)),
    );
    const received = answerIn(await speaker.call(sent(CLIENT)));
    const heard = upstream.last('tools/call');
    expect([heard.text === sent(asHeard(heard)), received === response(CLIENT.id, result)]).toEqual([true, true]);
  });

  test(`whatever JSON can hold arrives in both directions (seed ${property.seed})`, async () => {
    const speaker = await connect(revision);
    const [begin, end] = ['"begin":0,"odd":', ',"end":0'];
    upstream.on('tools/call', (talk) => {
      const odd = talk.text.slice(talk.text.indexOf(begin) + begin.length, talk.text.lastIndexOf(end));
      const form = odd.length % 2 === 0 ? 'JSON' : 'events';
      answerAs(form, (id) => response(id, object('"resultType":"complete"', `"odd":${odd}`)))(talk);
    });
    const survives = async (odd: string): Promise<void> => {
      const text = speaker.request('tools/call').replace('"x-spaced":', `${begin}${odd}${end},"x-spaced":`);
      const expected = response(CLIENT.id, object('"resultType":"complete"', `"odd":${odd}`));
      expect(flat(answerIn(await speaker.call(text)))).toBe(flat(expected));
    };
    await fc.assert(fc.asyncProperty(jsonText(), survives), property);
  });
});

describe.each(REVISIONS.slice(1))('%s', (revision) => {
  test('a question arrives as it was put, and its answer as it was given', async () => {
    const speaker = await connect(revision);
    const content = `"content":{"type":"com.example/x","x":${SPACED}}`;
    const params = object(`"messages":[{"role":"user",${content}}]`, '"maxTokens":1.0', `"x":${ODD_OBJECT}`);
    const question = (id: string): string =>
      object(
        '"jsonrpc":"2.0"',
        '"method":"sampling/createMessage"',
        `"params":${params}`,
        `"\\u0069d":${id}`,
        '"x":1.0',
      );
    const completion = object('"role":"assistant"', '"model":"m"', content, `"x":${ODD_OBJECT}`);
    const answer = (id: string): string =>
      object('"x":1.0', '"jsonrpc":"2.0"', `"result":${completion}`, `"\\u0069d":${id}`);
    const error = object('"code":-1', '"message":"\\u00e9"', `"data":${ODD_OBJECT}`, '"x":1.0');
    const refusal = (id: string): string => object(`"id":${id}`, '"jsonrpc":"2.0"', `"error":${error}`);
    const heard: string[] = [];
    upstream.on('tools/call', async (talk) => {
      heard.push((await talk.ask(question('7'), 7)).text, (await talk.ask(question('"7"'), '7')).text);
      emptyResult(talk);
    });
    const ids: string[] = [];
    const said = await speaker.converse((asked) => {
      const id = JSON.stringify((JSON.parse(asked) as { id: unknown }).id);
      return ids.push(id) === 1 ? answer(id) : refusal(id);
    });
    expect(said.slice(0, -1)).toEqual(ids.map((id) => flat(question(id))));
    expect(heard).toEqual([answer('7'), refusal('"7"')]);
  });

  test('a notification of the client arrives as it was sent', async () => {
    const speaker = await connect(revision);
    // Its upstream session is opened by the first call.
    upstream.on('tools/call', emptyResult);
    await speaker.call();
    const text = notification('roots/list_changed', object(`"_meta":${ODD_OBJECT}`, `"x":${SPACED}`));
    const { status } = await speaker.send('notifications/roots/list_changed', text);
    expect(status).toBe(202);
    expect(upstream.last('notifications/roots/list_changed').text).toBe(text);
  });
});

describe('2026-07-28', () => {
  test('an answer that asks for input arrives untouched, and so does what is given for it', async () => {
    const speaker = await connect('2026-07-28');
    const state = '"requestState":"\\u00e9+/=="';
    const requests = object(`"k\\u0061":{"method":"elicitation/create","params":${ODD_OBJECT}}`);
    const asked = object(state, '"resultType":"input_required"', `"inputRequests":${requests}`);
    upstream.on('tools/call', ({ idText, answer }) => answer(response(idText, asked)));
    expect((await speaker.call()).text).toBe(response(CLIENT.id, asked));
    const responses = `"inputResponses":{"k\\u0061":{"action":"accept","content":${ODD_OBJECT}}}`;
    const given = (parts: Parts): string =>
      speaker.request('tools/call', parts).replace('"x-spaced":', `${state},${responses},"x-spaced":`);
    await speaker.call(given(CLIENT));
    const heard = upstream.last('tools/call');
    expect(heard.text).toBe(given(asHeard(heard)));
  });

  test('a name that a header cannot carry plainly is mirrored in Base64, and parameters as they came', async () => {
    const speaker = await connect('2026-07-28');
    upstream.on('tools/call', emptyResult);
    const sentinel = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
    const { messages } = await post(gateway.url(), speaker.request('tools/call', { ...CLIENT, name: '"up__té 😀"' }), {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': sentinel('up__té 😀'),
      'mcp-param-region': sentinel('é'),
      'mcp-param-plain': 'a, b',
    });
    expect(messages).toMatchObject([{ result: {} }]);
    const { headers } = upstream.last('tools/call');
    expect(headers['mcp-name']).toBe(sentinel('té 😀'));
    expect([headers['mcp-param-region'], headers['mcp-param-plain']]).toEqual([sentinel('é'), 'a, b']);
  });
});
