import { describe, expect, test } from 'vitest';
import { planCall, virtualServers, type VirtualServer } from '../../lib/catalog/plan.ts';
import { configOf } from '../config/sample.ts';
import { callOf, requestText } from '../protocol/samples.ts';

const config = configOf({
  upstreams: {
    time: { url: 'http://127.0.0.1:9081/mcp', prefix: 'time' },
    plain: { url: 'http://127.0.0.1:9082/mcp', prefix: '' },
  },
  servers: {
    default: { upstreams: ['time'] },
    clock: { upstreams: ['time'], tools: ['time__n*'] },
    plain: { upstreams: ['plain'] },
  },
});

const servers = virtualServers(config);

function server(name: string): VirtualServer {
  const found = servers.get(name);
  if (found === undefined) throw new Error(`There is no virtual server ${name}`);
  return found;
}

const planOf = (method: string, params?: object, name = 'default', era: 'modern' | 'legacy' = 'legacy') =>
  planCall(callOf(requestText(method, params), era), server(name));

describe('virtual servers', () => {
  test('are those of the configuration, each with its upstream and its view', () => {
    expect([...servers.keys()]).toEqual(['default', 'clock', 'plain']);
    expect(server('clock')).toEqual({
      name: 'clock',
      upstream: { name: 'time', config: config.upstreams['time'], view: { prefix: 'time', tools: ['time__n*'] } },
    });
  });

  test('show all tools when they name none', () => {
    expect(server('default').upstream.view).toEqual({ prefix: 'time', tools: undefined });
  });

  test.each(['__proto__', 'constructor', 'toString', ''])('have none that is called %j', (name) => {
    expect(servers.get(name)).toBeUndefined();
  });
});

describe('the plan', () => {
  test.each([
    ['initialize', 'legacy'],
    ['ping', 'legacy'],
    ['server/discover', 'modern'],
  ] as const)('for %s is that the gateway answers', (method, era) => {
    expect(planOf(method, {}, 'default', era)).toEqual({ ok: true, value: { kind: 'answer' } });
  });

  test.each(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'logging/setLevel'])(
    'for %s is the upstream, for nothing in particular',
    (method) => {
      const { upstream } = server('default');
      expect(planOf(method)).toEqual({ ok: true, value: { kind: 'one', upstream, targetName: undefined } });
    },
  );

  test.each([
    ['tools/call', { name: 'time__now' }, 'now'],
    ['prompts/get', { name: 'time__brief' }, 'brief'],
    ['resources/read', { uri: 'time://x' }, 'time://x'],
    ['resources/subscribe', { uri: 'time://x' }, 'time://x'],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'time__brief' } }, 'brief'],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'time://{x}' } }, 'time://{x}'],
  ])('for %s with %j names the target %s', (method, params, targetName) => {
    expect(planOf(method, params)).toMatchObject({ ok: true, value: { kind: 'one', targetName } });
  });

  test('passes names through where there is no prefix', () => {
    expect(planOf('tools/call', { name: 'a__b' }, 'plain')).toMatchObject({ ok: true, value: { targetName: 'a__b' } });
  });

  test.each([
    ['tools/call', {}],
    ['tools/call', undefined],
    ['tools/call', { name: 7 }],
    ['prompts/get', { name: null }],
    ['resources/read', { name: 'x' }],
    ['completion/complete', { ref: { type: 'ref/tool', name: 'time__now' } }],
  ])('for %s with %j is a refusal that says why', (method, params) => {
    const reason = `${method} does not say what it is for`;
    expect(planOf(method, params)).toEqual({ ok: false, failure: { kind: 'invalid-params', reason } });
  });

  test.each([
    ['tools/call', 'tool', 'now'],
    ['tools/call', 'tool', 'other__now'],
    ['tools/call', 'tool', ''],
    ['prompts/get', 'prompt', 'brief'],
  ])('for %s of an unknown %s %j is a refusal that names it', (method, what, name) => {
    const failure = { kind: 'unknown-name', what, name };
    expect(planOf(method, { name })).toEqual({ ok: false, failure });
  });

  test('for completion of an unknown prompt is a refusal', () => {
    const failure = { kind: 'unknown-name', what: 'prompt', name: 'brief' };
    expect(planOf('completion/complete', { ref: { type: 'ref/prompt', name: 'brief' } })).toEqual({
      ok: false,
      failure,
    });
  });

  test('is the same refusal for a tool that the virtual server hides', () => {
    const name = 'time__then';
    expect(planOf('tools/call', { name }, 'clock')).toEqual({
      ok: false,
      failure: { kind: 'unknown-name', what: 'tool', name },
    });
  });

  test('does not hide prompts by the patterns for tools', () => {
    expect(planOf('prompts/get', { name: 'time__then' }, 'clock')).toMatchObject({ ok: true });
  });
});
