/** What is relayed arrives as it was written: unknown fields, unknown content, numbers, text of every kind. */
import { describe, expect, test } from 'vitest';
import { LEGS, REVISIONS } from '../support/gateway-harness.ts';
import { modernRequest } from '../support/wire.ts';
import { openScripted } from './fixtures.ts';

/** 100 KB of text from every corner of Unicode, with what JSON has to escape. */
const UNICODE = Array.from(
  { length: 2500 },
  (_, index) => `${index}\u0000\u2028"\\/ü世界🌊\u{1F469}\u200D\u{1F4BB}e\u0301 `,
).join('');

const RESULT = {
  content: [
    { type: 'text', text: UNICODE, annotations: { audience: ['user'], 'x-rank': 0.1 } },
    { type: 'com.example/hologram', depth: [1, [2, [3, []]]], data: null },
    { type: 'resource_link', uri: 'x://y', name: 'y', icons: [{ src: 'data:,', theme: 'dark', 'x-new': true }] },
  ],
  structuredContent: { '': {}, constructor: { prototype: 1 }, empty: [], truth: false },
  isError: false,
  _meta: { 'com.example/trace': { id: 'a' }, 'io.modelcontextprotocol/related-task': { taskId: 't' } },
  'x-unknown': { nested: [{}] },
};

/** Written in ways that a parser and a printer would not reproduce. */
const ODD_NUMBERS = '{"big":12345678901234567890,"exact":1.0,"tiny":1e-400,"huge":1E+400,"minus":-0,"dup":1,"dup":2}';

describe.each(LEGS)('$name', (leg) => {
  describe.each(REVISIONS)('a %s client', (revision) => {
    test('gets a result with everything that is in it', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ answer }) => answer(RESULT));
      const peer = await gateway.client.connect(revision);
      const { result } = await peer.call('up__x');
      const { resultType: _added, ...relayed } = result;
      expect(relayed).toEqual(RESULT);
    });

    test('has its arguments arrive with everything that is in them', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const peer = await gateway.client.connect(revision);
      const args = { text: UNICODE, constructor: 1, nested: [[[{ a: [] }]]], nothing: null };
      const params = { name: 'up__x', arguments: args, 'x-unknown': [1], task: { ttl: 5 } };
      await peer.request('tools/call', params);
      const { name, arguments: received, ...others } = upstream.of('tools/call')[0]?.message.params ?? {};
      expect([name, received]).toEqual(['x', args]);
      expect(others).toMatchObject({ 'x-unknown': [1], task: { ttl: 5 } });
    });

    test('has numbers written as it wrote them, in both directions', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ message, answerText }) => {
        answerText(`{"jsonrpc":"2.0", "id":"${message.id}" ,"result": {"structuredContent":${ODD_NUMBERS}}}`);
      });
      const peer = await gateway.client.connect(revision);
      const { body, headers } =
        peer.era === 'modern'
          ? modernRequest('tools/call', { name: 'up__x', arguments: 'ODD' })
          : {
              body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'up__x', arguments: 'ODD' } },
              headers: peer.headers,
            };
      const { text } = await gateway.client.post(JSON.stringify(body).replace('"ODD"', ODD_NUMBERS), headers);
      expect(upstream.of('tools/call')[0]?.text).toContain(`"arguments":${ODD_NUMBERS}`);
      expect(text).toContain(ODD_NUMBERS);
    });

    test.each(['12345678901234567890', '-0', '1.0', '1e2', '"\\u0061\\/"', '"\u{1F30A}"'])(
      'gets its answer under the id that it wrote as %s',
      async (idText) => {
        const { gateway } = await openScripted({ leg });
        const peer = await gateway.client.connect(revision);
        const params = { name: 'up__x' };
        const { body, headers } =
          peer.era === 'modern'
            ? modernRequest('tools/call', params, { id: 'ID' })
            : { body: { jsonrpc: '2.0', id: 'ID', method: 'tools/call', params }, headers: peer.headers };
        const { text } = await gateway.client.post(JSON.stringify(body).replace('"ID"', idText), headers);
        expect(text).toContain(`"id":${idText}`);
        expect(JSON.parse(text)).toHaveProperty('result');
      },
    );

    test('gets an error with everything that is in it', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      const error = { code: 4242, message: UNICODE, data: { deep: [{}], n: 1.5 }, 'x-unknown': 'kept' };
      upstream.onCall(({ message, answerText }) => {
        answerText(JSON.stringify({ jsonrpc: '2.0', id: message.id, error, 'x-top': 1 }));
      });
      const peer = await gateway.client.connect(revision);
      const answer = await peer.call('up__x', {}, { id: 'e' });
      expect(answer).toEqual({ jsonrpc: '2.0', id: 'e', error, 'x-top': 1 });
    });

    test('gets the failure of a tool as the tool tells it', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ answer }) => answer({ isError: true, content: [{ type: 'text', text: 'No such city' }] }));
      const peer = await gateway.client.connect(revision);
      const { result } = await peer.call('up__x');
      expect(result).toMatchObject({ isError: true, content: [{ type: 'text', text: 'No such city' }] });
      expect(gateway.actions.at(-1)).toMatchObject({ outcome: 'tool-error', errorKind: null, status: 200 });
    });

    test('gets a stream whose events are cut anywhere', async () => {
      const { gateway, upstream } = await openScripted({ leg });
      upstream.onCall(({ message, response }) => {
        const result = { resultType: 'complete', content: [{ type: 'text', text: 'ü🌊' }] };
        const bytes = Buffer.from(
          `: hello\r\nretry: 5\r\nid: 1\r\n\r\nid: 2\r\ndata:\r\n\r\nevent: other\ndata: {}\n\n` +
            `event: message\ndata: {"jsonrpc":"2.0",\ndata: "id":"${message.id}","result":${JSON.stringify(result)}}\n\n`,
        );
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
        for (const byte of bytes) response.write(Buffer.from([byte]));
        response.end();
      });
      const peer = await gateway.client.connect(revision);
      const { messages } = await peer.request('tools/call', { name: 'up__x' });
      expect(messages).toHaveLength(1);
      expect(messages[0].result.content).toEqual([{ type: 'text', text: 'ü🌊' }]);
    });
  });
});
