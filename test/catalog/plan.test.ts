import { describe, expect, test } from 'vitest';
import { planCall, upstreamNamed, upstreamOfName, virtualServers, type VirtualServer } from '../../lib/catalog/plan.ts';
import { configOf } from '../config/sample.ts';
import { callOf, requestText } from '../protocol/samples.ts';

const config = configOf({
  upstreams: {
    time: { url: 'http://127.0.0.1:9081/mcp', prefix: 'time' },
    plain: { url: 'http://127.0.0.1:9082/mcp', prefix: '' },
    files: { url: 'http://127.0.0.1:9083/mcp', prefix: 'fs' },
  },
  servers: {
    default: { upstreams: ['time'] },
    clock: { upstreams: ['time'], tools: ['time__n*'] },
    plain: { upstreams: ['plain'] },
    many: { upstreams: ['plain', 'time', 'files'] },
    prefixed: { upstreams: ['files', 'time'], tools: ['time__n*', 'fs__read'] },
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
  test('are those of the configuration, each with its upstreams and its view', () => {
    expect([...servers.keys()]).toEqual(['default', 'clock', 'plain', 'many', 'prefixed']);
    expect(server('clock')).toEqual({
      name: 'clock',
      upstreams: [{ name: 'time', config: config.upstreams['time'], view: { prefix: 'time', tools: ['time__n*'] } }],
    });
  });

  test('have their upstreams in the order of the configuration', () => {
    expect(server('many').upstreams.map(({ name }) => name)).toEqual(['plain', 'time', 'files']);
    expect(server('prefixed').upstreams.map(({ name }) => name)).toEqual(['files', 'time']);
  });

  test('show all tools when they name none', () => {
    expect(server('default').upstreams.map(({ view }) => view)).toEqual([{ prefix: 'time', tools: undefined }]);
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

  describe.each(['default', 'many'])('on the virtual server %s', (name) => {
    test.each([
      ['tools/list', 'tools'],
      ['prompts/list', 'prompts'],
      ['resources/list', 'resources'],
      ['resources/templates/list', 'resourceTemplates'],
    ])('for %s is the list of %s', (method, member) => {
      expect(planOf(method, {}, name)).toEqual({ ok: true, value: { kind: 'list', member } });
      expect(planOf(method, {}, name, 'modern')).toEqual({ ok: true, value: { kind: 'list', member } });
    });

    test('for logging/setLevel is that every upstream is told', () => {
      expect(planOf('logging/setLevel', { level: 'info' }, name)).toEqual({ ok: true, value: { kind: 'all' } });
    });
  });

  test.each([
    ['tools/call', { name: 'time__now' }, 'now'],
    ['prompts/get', { name: 'time__brief' }, 'brief'],
    ['resources/read', { uri: 'time://x' }, 'time://x'],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'time__brief' } }, 'brief'],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'time://{x}' } }, 'time://{x}'],
  ])('for %s with %j names the target %s', (method, params, targetName) => {
    const [upstream] = server('default').upstreams;
    expect(planOf(method, params)).toEqual({ ok: true, value: { kind: 'one', upstream, targetName } });
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

describe('the plan on several upstreams', () => {
  const routeOf = (method: string, params: object, name = 'many') => {
    const plan = planOf(method, params, name);
    if (!plan.ok) return plan.failure.kind;
    return plan.value.kind === 'one' ? [plan.value.upstream.name, plan.value.targetName] : plan.value.kind;
  };

  test.each([
    ['time__now', ['time', 'now']],
    ['fs__read', ['files', 'read']],
    ['fs__time__now', ['files', 'time__now']],
    ['fs__', ['files', '']],
    ['now', ['plain', 'now']],
    ['other__now', ['plain', 'other__now']],
    ['files__read', ['plain', 'files__read']],
    ['__now', ['plain', '__now']],
    ['time_now', ['plain', 'time_now']],
    ['Time__now', ['plain', 'Time__now']],
    ['', ['plain', '']],
  ])('routes the name %j by its prefix alone', (name, route) => {
    expect(routeOf('tools/call', { name })).toEqual(route);
    expect(routeOf('prompts/get', { name })).toEqual(route);
    expect(routeOf('completion/complete', { ref: { type: 'ref/prompt', name } })).toEqual(route);
  });

  test.each(['other__now', 'now', 'files__read', '__now', 'constructor', ''])(
    'knows nobody for %j when every upstream has a prefix',
    (name) => {
      expect(routeOf('prompts/get', { name }, 'prefixed')).toBe('unknown-name');
    },
  );

  test('shows the tools of each upstream that the patterns name', () => {
    expect(routeOf('tools/call', { name: 'time__now' }, 'prefixed')).toEqual(['time', 'now']);
    expect(routeOf('tools/call', { name: 'fs__read' }, 'prefixed')).toEqual(['files', 'read']);
    expect(routeOf('tools/call', { name: 'time__then' }, 'prefixed')).toBe('unknown-name');
    expect(routeOf('tools/call', { name: 'fs__write' }, 'prefixed')).toBe('unknown-name');
  });

  test('leaves it to the lists who has the URI of resources/read, whatever it looks like', () => {
    for (const uri of ['time://x', 'time__now', '']) {
      expect(planOf('resources/read', { uri }, 'many')).toEqual({ ok: true, value: { kind: 'owner', uri } });
    }
  });

  test.each(['resources/subscribe', 'resources/unsubscribe'])(
    'keeps what %s says of a URI, whoever has it',
    (method) => {
      for (const name of ['default', 'many']) {
        const value = { kind: 'subscribe', uri: 'time://x' };
        expect(planOf(method, { uri: 'time://x' }, name)).toEqual({ ok: true, value });
      }
      expect(planOf(method, {}, 'many')).toMatchObject({ ok: false, failure: { kind: 'invalid-params' } });
    },
  );

  test('leaves it to the lists who completes a resource', () => {
    const ref = { type: 'ref/resource', uri: 'time://{x}' };
    expect(planOf('completion/complete', { ref }, 'many')).toEqual({
      ok: true,
      value: { kind: 'owner', uri: 'time://{x}' },
    });
  });
});

describe('an upstream of a virtual server', () => {
  test('is found by its name, and no other', () => {
    expect(upstreamNamed(server('many'), 'files')?.name).toBe('files');
    for (const name of ['fs', 'nobody', '', 'constructor']) {
      expect(upstreamNamed(server('many'), name)).toBeUndefined();
    }
    expect(upstreamNamed(server('default'), 'files')).toBeUndefined();
  });

  test('owns the names behind its prefix; the one without a prefix owns the rest', () => {
    expect(upstreamOfName('fs__a', server('many'))?.name).toBe('files');
    expect(upstreamOfName('nobody__a', server('many'))?.name).toBe('plain');
    expect(upstreamOfName('nobody__a', server('prefixed'))).toBeUndefined();
  });
});
