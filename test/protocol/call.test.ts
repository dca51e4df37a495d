import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  callToLegacy,
  callToModern,
  progressToClient,
  progressTokenText,
  readTarget,
  responseToClient,
  upstreamTargetName,
  type Reading,
  type View,
} from '../../lib/protocol/call.ts';
import { KEY_IN_META } from '../../lib/protocol/idempotency-key.ts';
import { memberText } from '../../lib/protocol/json-text.ts';
import type { Era } from '../../lib/protocol/era.ts';
import { META } from '../../lib/protocol/modern/envelope.ts';
import { TIMING_IN_META } from '../../lib/protocol/timing.ts';
import { listItemToClient } from '../../lib/protocol/translation/list-item.ts';
import { seeded } from '../support/property.ts';
import { jsonText, objectText } from './arbitrary-json.ts';
import { callOf, notificationOf, requestOf, requestText, responseOf } from './samples.ts';

const property = seeded('test/protocol/call');

describe('what a call is for', () => {
  test.each([
    ['tool', { name: 'time__now' }, { what: 'tool', name: 'time__now' }],
    ['prompt', { name: 'time__now' }, { what: 'prompt', name: 'time__now' }],
    ['resource', { uri: 'file:///a' }, { what: 'resource', name: 'file:///a' }],
    ['reference', { ref: { type: 'ref/prompt', name: 'p' } }, { what: 'prompt', name: 'p' }],
    ['reference', { ref: { type: 'ref/resource', uri: 'file:///{x}' } }, { what: 'resource', name: 'file:///{x}' }],
  ] as const)('is a %s by %j', (field, params, target) => {
    expect(readTarget(params, field)).toEqual(target);
  });

  test.each([
    ['tool', undefined],
    ['tool', {}],
    ['tool', { name: 1 }],
    ['tool', { name: null }],
    ['tool', { uri: 'a' }],
    ['resource', { name: 'a' }],
    ['resource', { uri: ['a'] }],
    ['reference', {}],
    ['reference', { ref: 'p' }],
    ['reference', { ref: null }],
    ['reference', { ref: { name: 'p' } }],
    ['reference', { ref: { type: 'ref/tool', name: 'p' } }],
    ['reference', { ref: { type: 'ref/prompt', uri: 'p' } }],
    ['reference', { ref: { type: 'ref/resource', name: 'p' } }],
  ] as const)('is not said for a %s by %j', (field, params) => {
    expect(readTarget(params, field)).toBeUndefined();
  });
});

describe('the name that the upstream knows', () => {
  const shown: View = { prefix: 'time', tools: ['time__n*'] };

  test.each([
    ['tool', 'time__now', 'now'],
    ['prompt', 'time__hidden', 'hidden'],
    ['resource', 'time://x', 'time://x'],
  ] as const)('of the %s %s is %s', (what, name, upstreamName) => {
    expect(upstreamTargetName({ what, name }, shown)).toBe(upstreamName);
  });

  test.each([
    ['tool', 'now'],
    ['tool', 'time__hidden'],
    ['tool', 'other__now'],
    ['prompt', 'now'],
  ] as const)('does not exist for the %s %s', (what, name) => {
    expect(upstreamTargetName({ what, name }, shown)).toBeUndefined();
  });
});

describe.each(['legacy', 'modern'] as const)('a %s request on its way to an upstream of its era', (era) => {
  const up = (text: string, targetName?: string): string =>
    era === 'legacy'
      ? callToLegacy(callOf(text, era), 'upstream-id', targetName, {})
      : callToModern(callOf(text, era), 'upstream-id', targetName, undefined, {});

  test('goes under an id of the gateway', () => {
    expect(up('{"jsonrpc":"2.0","id":7,"method":"tools/list"}')).toBe(
      '{"jsonrpc":"2.0","id":"upstream-id","method":"tools/list"}',
    );
  });

  test.each(['tools/call', 'prompts/get'])('of %s names its target as the upstream does', (method) => {
    const text = requestText(method, { name: 'time__now', arguments: { name: 'time__now' } });
    expect(JSON.parse(up(text, 'now'))).toMatchObject({ params: { name: 'now', arguments: { name: 'time__now' } } });
  });

  const withUri = ['resources/read', ...(era === 'legacy' ? ['resources/subscribe', 'resources/unsubscribe'] : [])];

  test.each(withUri)('of %s keeps its URI', (method) => {
    const text = requestText(method, { uri: 'time__x://a', name: 'time__y' });
    expect(JSON.parse(up(text, 'time__x://a')).params).toEqual({ uri: 'time__x://a', name: 'time__y' });
  });

  test('of completion names a prompt as the upstream does, and nothing else', () => {
    const params = {
      ref: { type: 'ref/prompt', name: 'time__p', title: 'T' },
      argument: { name: 'time__a', value: 'v' },
    };
    expect(JSON.parse(up(requestText('completion/complete', params), 'p')).params).toEqual({
      ref: { type: 'ref/prompt', name: 'p', title: 'T' },
      argument: { name: 'time__a', value: 'v' },
    });
  });

  test('of completion keeps the URI of a resource, and a name beside it', () => {
    const params = {
      ref: { type: 'ref/resource', uri: 'time://x', name: 'time__x' },
      argument: { name: 'a', value: 'v' },
    };
    expect(JSON.parse(up(requestText('completion/complete', params), 'time://x')).params).toEqual(params);
  });

  test('names what JSON.parse saw when a name comes twice', () => {
    const text = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"time__hidden","name":"time__now"}}';
    expect(up(text, 'now')).toBe('{"jsonrpc":"2.0","id":"upstream-id","method":"tools/call","params":{"name":"now"}}');
  });

  test('keeps only the parameters that JSON.parse saw when there are two', () => {
    const text =
      '{"jsonrpc":"2.0","params":{"name":"time__hidden"},"id":1,"method":"tools/call","params":{"name":"time__now"}}';
    expect(up(text, 'now')).toBe('{"jsonrpc":"2.0","id":"upstream-id","method":"tools/call","params":{"name":"now"}}');
  });

  test('asks for progress under the id of the gateway', () => {
    const text = requestText('tools/call', { name: 'now', _meta: { progressToken: 'mine' } });
    expect(JSON.parse(up(text, 'now')).params._meta).toEqual({ progressToken: 'upstream-id' });
  });

  test('asks for no progress when the client did not', () => {
    const text = requestText('tools/call', { name: 'now', _meta: { 'com.example/x': 't' } });
    expect(JSON.parse(up(text, 'now')).params._meta).toEqual({ 'com.example/x': 't' });
  });

  test('declares no capability that the gateway cannot carry', () => {
    const capabilities = { elicitation: { url: {} }, tasks: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };
    const text = requestText('tools/call', { name: 'now', _meta: { [META.clientCapabilities]: capabilities } });
    expect(JSON.parse(up(text, 'now')).params._meta).toEqual({
      [META.clientCapabilities]: { elicitation: { url: {} } },
    });
  });

  test('is written however deep the capabilities in _meta nest', () => {
    const deep = `{"sampling":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`;
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"${META.clientCapabilities}":${deep}}}}`;
    expect(memberText(up(text), 'method')).toBe('"tools/list"');
  });

  test.each(['null', '7', '"x"', '[{"progressToken":1}]'])(
    'keeps a _meta that is %s, for the upstream to refuse',
    (meta) => {
      const text = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":${meta}}}`;
      expect(up(text)).toBe(text.replace('"id":1', '"id":"upstream-id"'));
    },
  );

  test('keeps every other byte of what the client wrote', () => {
    const mine = new Set(['id', 'params', 'jsonrpc', 'method']);
    fc.assert(
      fc.property(jsonText, jsonText, objectText, (first, second, { text: object }) => {
        const params = `{"name": "time__now", "arguments": ${first}, "vendor/x": ${object}, "_meta": {"a": ${second}}}`;
        const sent = up(`{"jsonrpc":"2.0","id":1,"method":"tools/call","x":${second},"params":${params}}`, 'now');
        const sentParams = memberText(sent, 'params') ?? '';
        expect(memberText(sentParams, 'arguments')).toBe(first.trim());
        expect(memberText(sentParams, 'vendor/x')).toBe(object.trim());
        expect(memberText(memberText(sentParams, '_meta') ?? '', 'a')).toBe(second.trim());
        expect(memberText(sent, 'x')).toBe(second.trim());
        expect(Object.keys(JSON.parse(sent) as object).filter((key) => !mine.has(key))).toEqual(['x']);
      }),
      property,
    );
  });
});

/** Every way of a call to an upstream, from each era to each. */
const WAYS: readonly (readonly [from: Era, to: Era, up: (text: string) => string])[] = [
  ['legacy', 'legacy', (text) => callToLegacy(callOf(text, 'legacy'), 'upstream-id', 'now', {})],
  ['modern', 'modern', (text) => callToModern(callOf(text, 'modern'), 'upstream-id', 'now', undefined, {})],
  [
    'legacy',
    'modern',
    (text) =>
      callToModern(
        callOf(text, 'legacy'),
        'upstream-id',
        'now',
        { clientInfo: { name: 'client', version: '1' }, clientCapabilities: {}, logLevel: undefined },
        {},
      ),
  ],
  ['modern', 'legacy', (text) => callToLegacy(callOf(text, 'modern'), 'upstream-id', 'now', {})],
];

describe.each(WAYS)('an idempotency key from a %s client to a %s upstream', (_from, _to, up) => {
  test('stays at the gateway, wherever it was given', () => {
    const sent = up(
      requestText('tools/call', {
        name: 'time__now',
        idempotencyKey: 'secret-key',
        _meta: { [KEY_IN_META]: 'secret-key', 'com.example/x': 't' },
        arguments: {},
      }),
    );
    expect(sent).not.toContain('secret-key');
    expect(JSON.parse(sent).params).not.toHaveProperty('idempotencyKey');
    expect(JSON.parse(sent).params._meta).toMatchObject({ 'com.example/x': 't' });
    expect(JSON.parse(sent).params._meta).not.toHaveProperty([KEY_IN_META]);
  });

  test('stays there however its name is written, and however often', () => {
    const params =
      '{"name":"time__now","idempotencyKey":"secret-1","idempotency\\u004bey":"secret-2",' +
      '"_meta":{"io.sluice\\/idempotency-key":"secret-3","io.sluice/idempotency-key":"secret-4"}}';
    expect(up(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`)).not.toContain('secret');
  });

  test('is taken for nothing else than a key where it is an argument', () => {
    const args = { idempotencyKey: 'mine', _meta: { [KEY_IN_META]: 'mine' } };
    const sent = up(requestText('tools/call', { name: 'time__now', arguments: args, idempotencyKey: 'k' }));
    expect(JSON.parse(sent).params.arguments).toEqual(args);
  });

  test('is a parameter as any other where no tool is called', () => {
    const sent = up(requestText('prompts/get', { name: 'time__now', idempotencyKey: 'mine' }));
    expect(JSON.parse(sent).params).toMatchObject({ idempotencyKey: 'mine' });
  });
});

describe.each(WAYS)('the wish for the times of a call, from a %s client to a %s upstream', (_from, _to, up) => {
  test.each(['tools/call', 'prompts/get', 'resources/read', 'completion/complete'])(
    'stays at the gateway, and nothing else of the metadata of %s',
    (method) => {
      const meta = { a: 1, [TIMING_IN_META]: true, progressToken: 'mine', 'com.example/x': 't' };
      const sent = up(requestText(method, { name: 'time__now', uri: 'x://a', _meta: meta }));
      expect(sent).not.toContain('io.sluice');
      expect(JSON.parse(sent).params._meta).toMatchObject({ a: 1, progressToken: 'upstream-id', 'com.example/x': 't' });
    },
  );

  test('stays there however it is written, and however often', () => {
    const meta = '"io.sluice\\/timing":true,"io.sluice/timing":false,"io.sluice\\u002ftiming":"secret"';
    const sent = up(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"n","_meta":{${meta}}}}`);
    expect(sent).not.toMatch(/timing|secret/);
  });
});

const SELF = { clientInfo: { name: 'client', version: '1' }, clientCapabilities: {}, logLevel: 'info' };

describe('a legacy request on its way to a modern upstream', () => {
  const up = (text: string, targetName?: string): string =>
    callToModern(callOf(text), 'upstream-id', targetName, SELF, {});
  const envelope = {
    [META.protocolVersion]: '2026-07-28',
    [META.clientInfo]: SELF.clientInfo,
    [META.clientCapabilities]: {},
    [META.logLevel]: 'info',
  };

  test('describes its client, under an id of the gateway and the name that the upstream knows', () => {
    const text = requestText('tools/call', { name: 'time__now', arguments: { name: 'time__now' } });
    expect(JSON.parse(up(text, 'now'))).toEqual({
      jsonrpc: '2.0',
      id: 'upstream-id',
      method: 'tools/call',
      params: { name: 'now', arguments: { name: 'time__now' }, _meta: envelope },
    });
  });

  test('asks for progress under the id of the gateway, beside what the client wrote there', () => {
    const text = requestText('tools/call', { name: 'now', _meta: { progressToken: 'mine', 'com.example/x': 't' } });
    expect(JSON.parse(up(text, 'now')).params._meta).toEqual({
      progressToken: 'upstream-id',
      'com.example/x': 't',
      ...envelope,
    });
  });

  test('cannot declare by itself what the gateway declares for it', () => {
    const text = requestText('tools/call', {
      name: 'now',
      _meta: { [META.clientCapabilities]: { sampling: {} }, [META.protocolVersion]: '1999-01-01' },
    });
    expect(JSON.parse(up(text, 'now')).params._meta).toEqual(envelope);
  });

  test('of completion names a prompt as the upstream does', () => {
    const params = { ref: { type: 'ref/prompt', name: 'time__p' }, argument: { name: 'a', value: 'v' } };
    expect(JSON.parse(up(requestText('completion/complete', params), 'p')).params.ref).toEqual({
      type: 'ref/prompt',
      name: 'p',
    });
  });

  test('keeps every other byte of what the client wrote', () => {
    const text = requestText('tools/call', { name: 'time__now' }).replace(
      '"time__now"',
      String.raw`"time__now", "arguments" : { "a": 1.0, "b": 12345678901234567890 }`,
    );
    expect(memberText(memberText(up(text, 'now'), 'params') ?? '', 'arguments')).toBe(
      '{ "a": 1.0, "b": 12345678901234567890 }',
    );
  });
});

/** JSON as tests look into it. */
type AnyJson = any;

describe('a modern request on its way to a legacy upstream', () => {
  const up = (params: object, targetName?: string): AnyJson =>
    JSON.parse(callToLegacy(callOf(requestText('tools/call', params), 'modern'), 'upstream-id', targetName, {}));
  const envelope = { [META.protocolVersion]: '2026-07-28', [META.clientInfo]: {}, [META.clientCapabilities]: {} };

  test('goes without the envelope, under an id of the gateway and the name that the upstream knows', () => {
    expect(up({ name: 'time__now', arguments: {}, _meta: envelope }, 'now')).toEqual({
      jsonrpc: '2.0',
      id: 'upstream-id',
      method: 'tools/call',
      params: { name: 'now', arguments: {} },
    });
  });

  test('asks for progress under the id of the gateway, beside what else the client wrote there', () => {
    const _meta = { ...envelope, progressToken: 7, 'com.example/x': 't' };
    expect(up({ name: 'now', _meta }, 'now').params._meta).toEqual({
      progressToken: 'upstream-id',
      'com.example/x': 't',
    });
  });
});

describe('the progress token of a client', () => {
  const tokenOf = (meta: string): string | undefined =>
    progressTokenText(requestOf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":${meta}}}`));

  test.each(['"a"', '7', '1.0', String.raw`"\u0061"`, '12345678901234567890'])('is %s as it wrote it', (token) => {
    expect(tokenOf(`{"progressToken": ${token} }`)).toBe(token);
  });

  test('is the last one when there are two', () => {
    expect(tokenOf('{"progressToken":1,"progressToken":2}')).toBe('2');
  });

  test.each(['{}', '[]', 'null', '"progressToken"', '{"__proto__":{"progressToken":1}}'])(
    'does not exist in %s',
    (meta) => {
      expect(tokenOf(meta)).toBeUndefined();
    },
  );

  test.each([undefined, {}])('does not exist with the parameters %j', (params) => {
    expect(progressTokenText(requestOf(requestText('tools/list', params)))).toBeUndefined();
  });
});

describe('progress on its way down', () => {
  const text =
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"up","progress":1.50,"x":{}}}';

  test('carries the token of the client, and every other byte as it was', () => {
    expect(progressToClient(notificationOf(text), 'up', '1.0')).toBe(
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1.0,"progress":1.50,"x":{}}}',
    );
  });

  test('is dropped when the client asked for none', () => {
    expect(progressToClient(notificationOf(text), 'up', undefined)).toBeUndefined();
  });

  test.each(['"other"', '7', 'null', '["up"]'])('is dropped when it is about the token %s', (token) => {
    expect(progressToClient(notificationOf(text.replace('"up"', token)), 'up', '"mine"')).toBeUndefined();
  });

  test('is dropped when it is about nothing', () => {
    const empty = notificationOf('{"jsonrpc":"2.0","method":"notifications/progress"}');
    expect(progressToClient(empty, 'up', '"mine"')).toBeUndefined();
  });
});

const READING: Reading = {
  upstreamEra: 'legacy',
  version: '2025-11-25',
  clientCapabilities: {},
  serverInfo: { name: 'sluice', version: '1' },
};

describe('a response on its way down', () => {
  const down = (request: string, response: string, era: Era = 'legacy'): string =>
    responseToClient(callOf(request, era), responseOf(response), { ...READING, upstreamEra: era });

  test.each(['7', '"a"', '1.0', '12345678901234567890', String.raw`"\u0061"`])(
    'goes under the id %s of the client',
    (id) => {
      const request = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"x"}}`;
      expect(down(request, '{"jsonrpc":"2.0","id":"up","result":{}}')).toBe(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    },
  );

  test('gets the id of the client when the upstream could not tell the request', () => {
    expect(down(requestText('ping'), '{"jsonrpc":"2.0","error":{"code":-32700,"message":"what?"}}')).toBe(
      '{"jsonrpc":"2.0","error":{"code":-32700,"message":"what?"},"id":1}',
    );
  });

  test.each(['modern', 'legacy'] as const)('passes an error of the %s era on as it was written', (era) => {
    const error = '{"code": -32002, "message": "no \\u0061", "data": {"x": 1.0}}';
    expect(down(requestText('tools/call'), `{"jsonrpc":"2.0","id":"up","error":${error}}`, era)).toBe(
      `{"jsonrpc":"2.0","id":1,"error":${error}}`,
    );
  });

  test('passes a legacy result on as it was written', () => {
    fc.assert(
      fc.property(objectText, ({ text }) => {
        expect(
          memberText(down(requestText('tools/call'), `{"jsonrpc":"2.0","id":"up","result":${text}}`), 'result'),
        ).toBe(text.trim());
      }),
      property,
    );
  });

  test('says to a modern client that a result without a type is complete', () => {
    expect(down(requestText('tools/call'), '{"jsonrpc":"2.0","id":"up","result":{"content":[]}}', 'modern')).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}',
    );
  });

  test.each(['"complete"', '"input_required"', '"com.example/own"', 'null', '1'])(
    'leaves the result type %s alone',
    (type) => {
      const result = `{"resultType":${type}, "requestState":"s"}`;
      expect(down(requestText('tools/call'), `{"jsonrpc":"2.0","id":"up","result":${result}}`, 'modern')).toBe(
        `{"jsonrpc":"2.0","id":1,"result":${result}}`,
      );
    },
  );

  test('names tools and prompts inside of results as the upstream does', () => {
    const result = '{"tools":[{"name":"a"}],"prompts":[{"name":"b"}]}';
    expect(down(requestText('tools/call'), `{"jsonrpc":"2.0","id":"up","result":${result}}`)).toBe(
      `{"jsonrpc":"2.0","id":1,"result":${result}}`,
    );
  });

  test('means what it meant, whatever it holds that nobody knows', () => {
    fc.assert(
      fc.property(objectText, jsonText, ({ text }, other) => {
        const response = `{"jsonrpc":"2.0","id":"up","result":{"content":[{"own":${other}}],"_meta":${text}},"x":${other}}`;
        const sent = JSON.parse(down(requestText('tools/call'), response, 'modern'));
        const expected = JSON.parse(response);
        expected.id = 1;
        expected.result.resultType = 'complete';
        expect(isDeepStrictEqual(sent, expected)).toBe(true);
      }),
      property,
    );
  });
});

describe('a response of the other era on its way down', () => {
  const down = (method: string, response: object, era: Era, reading: Partial<Reading> = {}): AnyJson =>
    JSON.parse(
      responseToClient(
        callOf(requestText(method, { name: 'x', uri: 'x://y' }), era),
        responseOf(JSON.stringify({ jsonrpc: '2.0', id: 'up', ...response })),
        { ...READING, upstreamEra: era === 'modern' ? 'legacy' : 'modern', ...reading },
      ),
    );

  test('is complete for a modern client, and names the gateway where it named nobody', () => {
    expect(down('tools/call', { result: { content: [], resultType: 'input_required' } }, 'modern')).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: { content: [], resultType: 'complete', _meta: { [META.serverInfo]: READING.serverInfo } },
    });
  });

  test('has caching hints for a modern client where the method wants them', () => {
    expect(down('resources/read', { result: { contents: [] } }, 'modern').result).toMatchObject({
      ttlMs: 0,
      cacheScope: 'private',
    });
    expect(down('prompts/get', { result: { messages: [] } }, 'modern').result).not.toHaveProperty('ttlMs');
  });

  test('has nothing for a legacy client that only the modern era knows', () => {
    const result = {
      contents: [],
      resultType: 'complete',
      ttlMs: 5,
      cacheScope: 'public',
      _meta: { [META.serverInfo]: {} },
    };
    expect(down('resources/read', { result }, 'legacy')).toEqual({ jsonrpc: '2.0', id: 1, result: { contents: [] } });
  });

  test('has only the content that the revision of a legacy client knows', () => {
    const result = { content: [{ type: 'resource_link', uri: 'x://y', name: 'y' }], resultType: 'complete' };
    expect(down('tools/call', { result }, 'legacy').result).toEqual({ content: result.content });
    expect(down('tools/call', { result }, 'legacy', { version: '2025-03-26' }).result.content).toMatchObject([
      { type: 'text' },
    ]);
  });

  test('says in the words of the client that a resource is not known', () => {
    const missing = (code: number) => ({ error: { code, message: 'Resource not found' } });
    expect(down('resources/read', missing(-32002), 'modern').error.code).toBe(-32602);
    expect(down('resources/read', missing(-32602), 'legacy').error.code).toBe(-32002);
  });

  test('goes under the id of the client when the upstream could not tell the request', () => {
    const text = '{"jsonrpc":"2.0","error":{"code":-32700,"message":"what?"}}';
    for (const era of ['modern', 'legacy'] as const) {
      const upstreamEra = era === 'modern' ? 'legacy' : 'modern';
      const call = callOf(requestText('tools/call', { name: 'x' }, 'mine'), era);
      const sent = JSON.parse(responseToClient(call, responseOf(text), { ...READING, upstreamEra }));
      expect([sent.id, sent.error.message]).toEqual(['mine', 'what?']);
    }
  });
});

describe('an item of a list', () => {
  const TOOL = '{"name":"a", "inputSchema":{"type":"object"},"execution":{"taskSupport":"optional"}, "x":1.0}';

  test.each(['tools', 'prompts', 'resources', 'resourceTemplates'] as const)(
    'of %s is as it was written for a client of its era',
    (member) => {
      for (const era of ['modern', 'legacy'] as const) expect(listItemToClient(member, TOOL, era, era)).toBe(TOOL);
    },
  );

  test.each(['prompts', 'resources', 'resourceTemplates'] as const)('of %s is the same in both eras', (member) => {
    expect(listItemToClient(member, TOOL, 'legacy', 'modern')).toBe(TOOL);
    expect(listItemToClient(member, TOOL, 'modern', 'legacy')).toBe(TOOL);
  });

  test('of tools is without what the era of the client does not know', () => {
    const own = '{"name":"a","inputSchema":{"type":"object"},"x":1.0}';
    expect(listItemToClient('tools', TOOL, 'legacy', 'modern')).toBe(own);
    expect(listItemToClient('tools', TOOL, 'modern', 'legacy')).toBe(own);
  });

  test('of tools is left out when no call of the client could reach it', () => {
    const task = '{"name":"a","inputSchema":{"type":"object"},"execution":{"taskSupport":"required"}}';
    expect(listItemToClient('tools', task, 'legacy', 'modern')).toBeUndefined();
    expect(listItemToClient('tools', task, 'legacy', 'legacy')).toBe(task);
  });
});
