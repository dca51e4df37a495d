import { describe, expect, test } from 'vitest';
import type { ToolConfig } from '../../lib/config/schema.ts';
import { decideKey, type KeyScope } from '../../lib/policies/idempotency.ts';
import { requestOf, requestText } from '../protocol/samples.ts';

const KEY = '8e03978e-40d5-43dd-bc93-6894a57f9324';

const SCOPE: KeyScope = {
  caller: 'somebody',
  anonymous: false,
  era: 'modern',
  clientSession: undefined,
  server: 'default',
  tool: 'time__now',
};

interface Asked {
  readonly params?: object;
  readonly header?: string;
  readonly scope?: Partial<KeyScope>;
  readonly tool?: ToolConfig;
}

function decide({ params = { name: 'time__now', arguments: {} }, header, scope = {}, tool = {} }: Asked = {}) {
  return decideKey(requestOf(requestText('tools/call', params)), header, { ...SCOPE, ...scope }, tool);
}

/** What tells a call with a key from others. */
function identityOf(asked: Asked): string {
  const decision = decide({ header: KEY, ...asked });
  if (!decision.ok || decision.value.kind !== 'keyed')
    throw new Error(`It is no keyed call: ${JSON.stringify(decision)}`);
  return decision.value.identity;
}

const reasonOf = (asked: Asked): unknown => {
  const decision = decide(asked);
  return decision.ok ? undefined : decision.failure;
};

describe('whether a call is executed once', () => {
  test.each([
    ['no key', {}, 'unkeyed'],
    ['a key', { header: KEY }, 'keyed'],
    ['no key, where one is required', { tool: { idempotency: 'required' } }, 'key-required'],
    ['a key, where one is required', { header: KEY, tool: { idempotency: 'required' } }, 'keyed'],
    ['a key, where keys are off', { header: KEY, tool: { idempotency: 'off' } }, 'unkeyed'],
    ['a key that is none, where keys are off', { header: '""', tool: { idempotency: 'off' } }, 'unkeyed'],
    ['a key, for a tool that the operator calls read-only', { header: KEY, tool: { readOnly: true } }, 'unkeyed'],
    ['a key, for a tool that the operator calls idempotent', { header: KEY, tool: { idempotent: true } }, 'keyed'],
  ] as const)('with %s', (_what, asked, kind) => {
    expect(decide(asked)).toMatchObject({ ok: true, value: { kind } });
  });

  test.each(['auto', 'required'] as const)('is refused with a key that is none, where keys are %s', (idempotency) => {
    expect(reasonOf({ header: '""', tool: { idempotency } })).toMatchObject({ kind: 'invalid-params' });
  });

  test('is refused when the arguments nest too deep to be compared', () => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":${'['.repeat(9000)}${']'.repeat(9000)}}}`;
    expect(decideKey(requestOf(text), KEY, SCOPE, {})).toMatchObject({
      ok: false,
      failure: { kind: 'invalid-params' },
    });
    expect(decideKey(requestOf(text), undefined, SCOPE, {})).toMatchObject({ ok: true, value: { kind: 'unkeyed' } });
  });

  test('is remembered for a day, or for as long as the operator says', () => {
    expect(decide({ header: KEY })).toMatchObject({ value: { ttlMs: 86_400_000 } });
    expect(decide({ header: KEY, tool: { idempotencyTtlSeconds: 60 } })).toMatchObject({ value: { ttlMs: 60_000 } });
  });
});

describe('whose a key is', () => {
  test('is the same wherever it is written, and whatever the call asks for', () => {
    const one = identityOf({});
    expect(identityOf({ header: `"${KEY}"` })).toBe(one);
    expect(identityOf({ params: { name: 'time__now', arguments: { a: 1 } } })).toBe(one);
  });

  const others: readonly (readonly [what: string, asked: Asked])[] = [
    ['another caller', { scope: { caller: 'other' } }],
    ['another virtual server', { scope: { server: 'other' } }],
    ['another tool', { scope: { tool: 'other' } }],
    ['another key', { header: `${KEY}x` }],
    ['another step of the call', { params: { name: 'time__now', arguments: {}, requestState: 's' } }],
    ['a key of a lone surrogate', { header: undefined as never, params: { idempotencyKey: '\ud800'.repeat(30) } }],
    ['a key of another one', { header: undefined as never, params: { idempotencyKey: '\ud801'.repeat(30) } }],
    ['an anonymous caller of that name', { scope: { anonymous: true } }],
    ['an anonymous caller in a session', { scope: { anonymous: true, clientSession: 's' } }],
    ['an anonymous caller in another session', { scope: { anonymous: true, clientSession: 't' } }],
    ['names that run into each other', { scope: { server: 'default","time__now', tool: '' } }],
  ];

  test('differs for everybody else', () => {
    const identities = [identityOf({}), ...others.map(([, asked]) => identityOf(asked))];
    expect(new Set(identities).size).toBe(others.length + 1);
  });

  test('is the caller, in all client sessions of a caller with a name', () => {
    expect(identityOf({ scope: { clientSession: 's' } })).toBe(identityOf({ scope: { clientSession: 't' } }));
  });

  test('compares what the call asks for, without the key', () => {
    const asked = (params: object) => {
      const decision = decide({ header: KEY, params });
      return decision.ok && decision.value.kind === 'keyed' ? decision.value.asked : undefined;
    };
    expect(asked({ name: 'x', arguments: { a: 1 }, idempotencyKey: KEY })).toBe(
      asked({ arguments: { a: 1 }, name: 'x' }),
    );
    expect(asked({ name: 'x', arguments: { a: 2 } })).not.toBe(asked({ name: 'x', arguments: { a: 1 } }));
  });
});

describe('a key of an anonymous caller', () => {
  const anonymous = { anonymous: true };

  test('must be long where nothing else tells it from those of others', () => {
    expect(reasonOf({ header: 'x'.repeat(21), scope: anonymous })).toMatchObject({
      kind: 'invalid-params',
      reason: expect.stringContaining('22 characters'),
    });
    expect(decide({ header: 'x'.repeat(22), scope: anonymous })).toMatchObject({ value: { kind: 'keyed' } });
  });

  test('may be short in a client session, as may that of a caller with a name', () => {
    expect(decide({ header: 'x', scope: { ...anonymous, clientSession: 's' } })).toMatchObject({
      value: { kind: 'keyed' },
    });
    expect(decide({ header: 'x' })).toMatchObject({ value: { kind: 'keyed' } });
  });

  test('may be short where it means nothing', () => {
    expect(decide({ header: 'x', scope: anonymous, tool: { readOnly: true } })).toMatchObject({
      value: { kind: 'unkeyed' },
    });
  });
});
