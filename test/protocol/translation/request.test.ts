import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memberText } from '../../../lib/protocol/json-text.ts';
import type { JsonObject } from '../../../lib/protocol/message.ts';
import { META } from '../../../lib/protocol/modern/envelope.ts';
import {
  requestToLegacy,
  requestToModern,
  type ModernSelf,
  type RelayEdits,
} from '../../../lib/protocol/translation/request.ts';
import { seeded } from '../../support/property.ts';
import { jsonText, objectText } from '../arbitrary-json.ts';
import { requestOf, requestText } from '../samples.ts';
import { protocolObject, protocolValue } from './protocol-json.ts';

const property = seeded('test/protocol/translation/request');

const ENVELOPE = {
  [META.protocolVersion]: '2026-07-28',
  [META.clientInfo]: { name: 'modern', version: '1' },
  [META.clientCapabilities]: { elicitation: {} },
};

const SELF: ModernSelf = {
  clientInfo: { name: 'old', version: '1', title: 'Old' },
  clientCapabilities: { elicitation: {} },
  logLevel: undefined,
};

const RELAY: RelayEdits = {
  message: { id: () => '"upstream-id"' },
  params: { name: () => '"now"' },
  meta: { progressToken: () => '"upstream-id"' },
  newMeta: {},
};

const METHODS = ['tools/call', 'prompts/get', 'resources/read', 'tools/list', 'completion/complete'];

const toLegacy = (text: string, relay?: RelayEdits): string => requestToLegacy(requestOf(text), relay);
const toModern = (text: string, self = SELF, relay?: RelayEdits): string =>
  requestToModern(requestOf(text), self, relay);
const paramsOf = (text: string): Record<string, any> => (JSON.parse(text) as { params: object }).params;

describe("a modern client's request, for a legacy upstream,", () => {
  test('loses what describes the client', () => {
    const _meta = { ...ENVELOPE, [META.logLevel]: 'info', traceparent: 't', 'com.example/x': 1 };
    const sent = toLegacy(requestText('tools/call', { name: 'now', _meta }));
    expect(paramsOf(sent)).toEqual({ name: 'now', _meta: { traceparent: 't', 'com.example/x': 1 } });
  });

  test.each(['io.modelcontextprotocol/related-task', 'io.modelcontextprotocol/anything'])(
    'keeps the key %s, which the revision does not define',
    (key) => {
      const sent = toLegacy(requestText('tools/call', { name: 'now', _meta: { ...ENVELOPE, [key]: 1 } }));
      expect(paramsOf(sent)['_meta']).toEqual({ [key]: 1 });
    },
  );

  test('has no _meta when nothing is left of it', () => {
    expect(paramsOf(toLegacy(requestText('tools/call', { _meta: ENVELOPE, name: 'now' })))).toEqual({ name: 'now' });
  });

  test('has no params when nothing is left of them', () => {
    expect(toLegacy(requestText('tools/list', { _meta: ENVELOPE }))).toBe(
      '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    );
  });

  test('keeps an object that was empty before', () => {
    expect(paramsOf(toLegacy(requestText('tools/list', { _meta: {}, cursor: 'c' })))).toEqual({
      _meta: {},
      cursor: 'c',
    });
  });

  test.each(METHODS)('of %s carries no answers and no state of earlier rounds', (method) => {
    const params = { name: 'now', inputResponses: { a: { action: 'accept' } }, requestState: 's', _meta: ENVELOPE };
    expect(paramsOf(toLegacy(requestText(method, params)))).toEqual({ name: 'now' });
  });

  test('does not ask to run a tool as a task', () => {
    const sent = toLegacy(requestText('tools/call', { name: 'now', task: { ttl: 1 }, _meta: ENVELOPE }));
    expect(paramsOf(sent)).toEqual({ name: 'now' });
  });

  test('keeps a task that is an unknown field in both eras', () => {
    const sent = toLegacy(requestText('prompts/get', { name: 'now', task: { ttl: 1 }, _meta: ENVELOPE }));
    expect(paramsOf(sent)).toEqual({ name: 'now', task: { ttl: 1 } });
  });

  test('keeps arguments that are called like what it loses', () => {
    const args = { requestState: 1, inputResponses: 2, task: 3, _meta: { [META.logLevel]: 'info' } };
    expect(paramsOf(toLegacy(requestText('tools/call', { name: 'now', arguments: args, _meta: ENVELOPE })))).toEqual({
      name: 'now',
      arguments: args,
    });
  });

  test('is edited for the relay in the same pass', () => {
    const text = requestText('tools/call', { name: 'time__now', _meta: { ...ENVELOPE, progressToken: 7 } });
    expect(JSON.parse(toLegacy(text, RELAY))).toEqual({
      jsonrpc: '2.0',
      id: 'upstream-id',
      method: 'tools/call',
      params: { name: 'now', _meta: { progressToken: 'upstream-id' } },
    });
  });

  test("cannot be kept by the relay's edits", () => {
    const meta = { [META.clientCapabilities]: (text: string) => text };
    const sent = toLegacy(requestText('tools/call', { name: 'now', _meta: ENVELOPE }), { ...RELAY, meta });
    expect(paramsOf(sent)).toEqual({ name: 'now' });
  });

  test('loses a key however it is escaped and however often it comes', () => {
    const key = String.raw`"\u0069o.modelcontextprotocol/logLevel"`;
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{${key}:"info","${META.logLevel}":"debug","a":1}}}`;
    expect(paramsOf(toLegacy(text))).toEqual({ _meta: { a: 1 } });
  });

  test.each(['null', '7', '"x"', '[]'])('keeps a _meta that is %s', (meta) => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":${meta}}}`;
    expect(toLegacy(text)).toBe(text);
  });
});

describe("a legacy client's request, for a modern upstream,", () => {
  test('describes the client', () => {
    expect(paramsOf(toModern(requestText('tools/call', { name: 'now' }), { ...SELF, logLevel: 'warning' }))).toEqual({
      name: 'now',
      _meta: {
        [META.protocolVersion]: '2026-07-28',
        [META.clientInfo]: { name: 'old', version: '1', title: 'Old' },
        [META.clientCapabilities]: { elicitation: {} },
        [META.logLevel]: 'warning',
      },
    });
  });

  test('describes the client where it had no params', () => {
    expect(paramsOf(toModern('{"jsonrpc":"2.0","id":1,"method":"tools/list"}'))).toEqual({
      _meta: {
        [META.protocolVersion]: '2026-07-28',
        [META.clientInfo]: SELF.clientInfo,
        [META.clientCapabilities]: { elicitation: {} },
      },
    });
  });

  test('keeps the rest of its _meta', () => {
    const sent = toModern(requestText('tools/list', { _meta: { traceparent: 't', 'com.example/x': [1] } }));
    expect(paramsOf(sent)['_meta']).toMatchObject({ traceparent: 't', 'com.example/x': [1] });
  });

  test("does not let the client speak at the gateway's keys", () => {
    const _meta = {
      [META.protocolVersion]: '1900-01-01',
      [META.clientInfo]: 'nobody',
      [META.clientCapabilities]: { sampling: {}, tasks: {} },
      [META.logLevel]: 'debug',
    };
    expect(paramsOf(toModern(requestText('tools/list', { _meta })))['_meta']).toEqual({
      [META.protocolVersion]: '2026-07-28',
      [META.clientInfo]: SELF.clientInfo,
      [META.clientCapabilities]: { elicitation: {} },
    });
  });

  test.each(['null', '7', '"x"', '[1]'])('describes the client in place of a _meta that is %s', (meta) => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":${meta}}}`;
    expect(paramsOf(toModern(text))['_meta']).toHaveProperty([META.protocolVersion], '2026-07-28');
  });

  const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`) as JsonObject;

  test.each([
    ['missing', undefined],
    ['without a name', { version: '1' }],
    ['without a version', { name: 'old' }],
    ['too deep to be written', { name: 'old', version: '1', deep }],
  ])('does not name a client whose introduction is %s', (_how, clientInfo) => {
    const { _meta } = paramsOf(toModern(requestText('tools/list', {}), { ...SELF, clientInfo }));
    expect(Object.keys(_meta)).toEqual([META.protocolVersion, META.clientCapabilities]);
  });

  test.each([
    ['what the gateway does not carry', { sampling: {}, tasks: {}, experimental: { x: {} } }, { sampling: {} }],
    ['that roots announce their change', { roots: { listChanged: true } }, { roots: {} }],
    ['what is too deep to be written', { sampling: deep }, {}],
  ])('does not declare %s', (_what, clientCapabilities, declared) => {
    const { _meta } = paramsOf(toModern(requestText('tools/list', {}), { ...SELF, clientCapabilities }));
    expect(_meta[META.clientCapabilities]).toEqual(declared);
  });

  test('is edited for the relay in the same pass', () => {
    const text = requestText('tools/call', { name: 'time__now', _meta: { progressToken: 7 } });
    expect(JSON.parse(toModern(text, SELF, RELAY))).toMatchObject({
      id: 'upstream-id',
      params: { name: 'now', _meta: { progressToken: 'upstream-id', [META.protocolVersion]: '2026-07-28' } },
    });
  });

  test("cannot be described by the relay's edits", () => {
    const meta = { [META.protocolVersion]: () => '"other"' };
    const sent = toModern(requestText('tools/list', { _meta: ENVELOPE }), SELF, { ...RELAY, meta });
    expect(paramsOf(sent)['_meta'][META.protocolVersion]).toBe('2026-07-28');
  });
});

describe('a translated request', () => {
  test('keeps every byte of what neither era knows', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...METHODS),
        jsonText,
        jsonText,
        objectText,
        (method, first, second, { text: object }) => {
          const params = `{"arguments": ${first}, "vendor/x": ${object}, "_meta": {"a": ${second}}}`;
          const text = `{"jsonrpc":"2.0","id":1,"method":"${method}","x":${second},"params":${params}}`;
          for (const sent of [toLegacy(text), toModern(text)]) {
            const sentParams = memberText(sent, 'params') ?? '';
            expect(memberText(sent, 'x')).toBe(second.trim());
            expect(memberText(sentParams, 'arguments')).toBe(first.trim());
            expect(memberText(sentParams, 'vendor/x')).toBe(object.trim());
            expect(memberText(memberText(sentParams, '_meta') ?? '', 'a')).toBe(second.trim());
          }
        },
      ),
      property,
    );
  });

  test('is what it was after both directions, but for the rounds and tasks that only one era has', () => {
    fc.assert(
      fc.property(fc.constantFrom(...METHODS), protocolObject, protocolObject, (method, paramsText, metaText) => {
        const params = JSON.parse(paramsText) as Record<string, unknown>;
        const meta = { ...(JSON.parse(metaText) as object), ...ENVELOPE, [META.logLevel]: 'info' };
        const text = requestText(method, { ...params, _meta: meta });
        const self = {
          clientInfo: ENVELOPE[META.clientInfo],
          clientCapabilities: ENVELOPE[META.clientCapabilities],
          logLevel: 'info',
        };
        const { inputResponses: _answers, requestState: _state, task, ...known } = JSON.parse(text).params;
        const expected = method === 'tools/call' || task === undefined ? known : { ...known, task };
        expect(paramsOf(toModern(toLegacy(text), self))).toEqual(expected);
      }),
      property,
    );
  });

  test('is written for every request there can be', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...METHODS),
        fc.oneof(
          protocolObject,
          objectText.map(({ text }) => text),
        ),
        protocolValue,
        (method, params, other) => {
          const text = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params},"other":${other}}`;
          for (const sent of [toLegacy(text), toModern(text)]) {
            expect(requestOf(sent)).toMatchObject({ method, idText: '1' });
          }
        },
      ),
      property,
    );
  });
});
