import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  callToUpstream,
  progressToClient,
  progressTokenText,
  readTarget,
  responseToClient,
  upstreamTargetName,
  type View,
} from '../../lib/protocol/call.ts';
import { memberText } from '../../lib/protocol/json-text.ts';
import { META } from '../../lib/protocol/modern/envelope.ts';
import { seeded } from '../support/property.ts';
import { jsonText, objectText } from './arbitrary-json.ts';
import { callOf, notificationOf, requestOf, requestText, responseOf } from './samples.ts';

const property = seeded('test/protocol/call');

const ALL: View = { prefix: '', tools: undefined };
const PREFIXED: View = { prefix: 'time', tools: undefined };

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

describe('a request on its way up', () => {
  const up = (text: string, targetName?: string): string => callToUpstream(callOf(text), 'upstream-id', targetName);

  test('goes under an id of the gateway', () => {
    expect(up('{"jsonrpc":"2.0","id":7,"method":"tools/list"}')).toBe(
      '{"jsonrpc":"2.0","id":"upstream-id","method":"tools/list"}',
    );
  });

  test.each(['tools/call', 'prompts/get'])('of %s names its target as the upstream does', (method) => {
    const text = requestText(method, { name: 'time__now', arguments: { name: 'time__now' } });
    expect(JSON.parse(up(text, 'now'))).toMatchObject({ params: { name: 'now', arguments: { name: 'time__now' } } });
  });

  test.each(['resources/read', 'resources/subscribe', 'resources/unsubscribe'])('of %s keeps its URI', (method) => {
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
    const text = requestText('tools/call', { name: 'now', _meta: { traceparent: 't' } });
    expect(JSON.parse(up(text, 'now')).params._meta).toEqual({ traceparent: 't' });
  });

  test('declares no capability that the gateway cannot carry', () => {
    const capabilities = { elicitation: { url: {} }, tasks: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };
    const text = requestText('tools/call', { name: 'now', _meta: { [META.clientCapabilities]: capabilities } });
    expect(JSON.parse(up(text, 'now')).params._meta).toEqual({
      [META.clientCapabilities]: { elicitation: { url: {} } },
    });
  });

  test('is written however deep the capabilities nest that a legacy client put into _meta', () => {
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

describe('a response on its way down', () => {
  const down = (request: string, response: string, view: View = ALL, era: 'modern' | 'legacy' = 'legacy'): string =>
    responseToClient(callOf(request, era), responseOf(response), view);
  const tools = requestText('tools/list');
  const prompts = requestText('prompts/list');

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

  test('passes an error on as it was written', () => {
    const error = '{"code": -32002, "message": "no \\u0061", "data": {"x": 1.0}}';
    expect(down(requestText('tools/call'), `{"jsonrpc":"2.0","id":"up","error":${error}}`, PREFIXED, 'modern')).toBe(
      `{"jsonrpc":"2.0","id":1,"error":${error}}`,
    );
  });

  test('passes a legacy result on as it was written', () => {
    fc.assert(
      fc.property(objectText, ({ text }) => {
        expect(
          memberText(
            down(requestText('tools/call'), `{"jsonrpc":"2.0","id":"up","result":${text}}`, PREFIXED),
            'result',
          ),
        ).toBe(text.trim());
      }),
      property,
    );
  });

  test('says to a modern client that a result without a type is complete', () => {
    expect(down(requestText('tools/call'), '{"jsonrpc":"2.0","id":"up","result":{"content":[]}}', ALL, 'modern')).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}',
    );
  });

  test.each(['"complete"', '"input_required"', '"com.example/own"', 'null', '1'])(
    'leaves the result type %s alone',
    (type) => {
      const result = `{"resultType":${type}, "requestState":"s"}`;
      expect(down(requestText('tools/call'), `{"jsonrpc":"2.0","id":"up","result":${result}}`, ALL, 'modern')).toBe(
        `{"jsonrpc":"2.0","id":1,"result":${result}}`,
      );
    },
  );

  test.each([
    ['tools', tools],
    ['prompts', prompts],
  ])('lists %s under their prefix, each otherwise as it was written', (member, request) => {
    const response = `{"jsonrpc":"2.0","id":"up","result":{"${member}":[{"x":1.0,"name":"a"}, {"name":"b\\u0062","annotations":{ }}],"nextCursor":"c"}}`;
    expect(down(request, response, PREFIXED)).toBe(
      `{"jsonrpc":"2.0","id":1,"result":{"${member}":[{"x":1.0,"name":"time__a"},{"name":"time__bb","annotations":{ }}],"nextCursor":"c"}}`,
    );
  });

  test('leaves out the tools that the virtual server does not show', () => {
    const response = '{"jsonrpc":"2.0","id":"up","result":{"tools":[{"name":"now"},{"name":"then"},{"name":"never"}]}}';
    const listed = JSON.parse(down(tools, response, { prefix: 'time', tools: ['time__n*'] }));
    expect(listed.result.tools).toEqual([{ name: 'time__now' }, { name: 'time__never' }]);
  });

  test('hides tools of an upstream without a prefix too', () => {
    const response = '{"jsonrpc":"2.0","id":"up","result":{"tools":[{"name":"now"},{"name":"then"}]}}';
    expect(JSON.parse(down(tools, response, { prefix: '', tools: ['now'] })).result.tools).toEqual([{ name: 'now' }]);
  });

  test('shows every prompt, whatever tools are shown', () => {
    const response = '{"jsonrpc":"2.0","id":"up","result":{"prompts":[{"name":"p"}]}}';
    expect(JSON.parse(down(prompts, response, { prefix: 'time', tools: [] })).result.prompts).toEqual([
      { name: 'time__p' },
    ]);
  });

  test.each(['1', 'null', '"a"', '{}', '{"name":1}', '[]'])('leaves out %s, which is no tool', (item) => {
    const response = `{"jsonrpc":"2.0","id":"up","result":{"tools":[${item},{"name":"a"}]}}`;
    expect(JSON.parse(down(tools, response, PREFIXED)).result.tools).toEqual([{ name: 'time__a' }]);
  });

  test.each(['{}', 'null', '"a"', '7'])('passes on a list of tools that is %s', (list) => {
    expect(down(tools, `{"jsonrpc":"2.0","id":"up","result":{"tools":${list}}}`, PREFIXED)).toBe(
      `{"jsonrpc":"2.0","id":1,"result":{"tools":${list}}}`,
    );
  });

  test('keeps the URIs and names of resources', () => {
    const result = '{"resources":[{"uri":"file:///a","name":"a"}]}';
    expect(down(requestText('resources/list'), `{"jsonrpc":"2.0","id":"up","result":${result}}`, PREFIXED)).toBe(
      `{"jsonrpc":"2.0","id":1,"result":${result}}`,
    );
  });

  test('names tools inside of other results as the upstream does', () => {
    const response = '{"jsonrpc":"2.0","id":"up","result":{"tools":[{"name":"a"}]}}';
    expect(JSON.parse(down(requestText('tools/call'), response, PREFIXED)).result).toEqual({ tools: [{ name: 'a' }] });
  });

  test('means what it meant, whatever it holds that nobody knows', () => {
    fc.assert(
      fc.property(objectText, jsonText, ({ text }, other) => {
        const response = `{"jsonrpc":"2.0","id":"up","result":{"tools":[{"name":"n","own":${other}}],"_meta":${text}},"x":${other}}`;
        const sent = JSON.parse(down(tools, response, PREFIXED, 'modern'));
        const expected = JSON.parse(response);
        expected.id = 1;
        expected.result.resultType = 'complete';
        expected.result.tools[0].name = 'time__n';
        expect(isDeepStrictEqual(sent, expected)).toBe(true);
      }),
      property,
    );
  });
});
