/** Calls with an idempotency key: executed once, in whatever environments they arrive. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { IdempotencyStore } from '../../lib/ports/idempotency.ts';
import { StoreError, type Stores } from '../../lib/ports/stores.ts';
import { LEGS, type Harness, type Leg, type Peer } from '../support/gateway-harness.ts';
import { createManualClock, passingTime } from '../support/manual-clock.ts';
import { openScripted } from './fixtures.ts';
import type { Incoming, ScriptedUpstream } from './scripted-upstream.ts';

/** JSON as tests look into it. */
type AnyJson = any;

const PAIRS = [
  ['2026-07-28', 'modern'],
  ['2026-07-28', 'legacy'],
  ['2025-11-25', 'legacy'],
  ['2025-11-25', 'modern'],
] as const;

const REPLAYED = 'io.sluice/replayed';

interface World {
  readonly gateway: Harness;
  readonly upstream: ScriptedUpstream;
  readonly peer: Peer;
  /** A call of the tool `up__pay` with a key of this test; through one environment, or the next one. */
  pay(args?: object, options?: { key?: string; through?: number; id?: string; tool?: string }): Promise<AnyJson>;
  /** How often the tool was executed. */
  executions(): number;
}

async function open(leg: Leg, [revision, era]: (typeof PAIRS)[number], options: object = {}): Promise<World> {
  const { upstream: fields = {}, ...rest } = options as { upstream?: object };
  const { gateway, upstream } = await openScripted({ leg, ...rest, upstream: { era, ...fields } });
  const peer = await gateway.client.connect(revision);
  const own = randomUUID();
  return {
    gateway,
    upstream,
    peer,
    pay(args = {}, { key = own, through, id, tool = 'up__pay' } = {}) {
      const speaker = through === undefined ? peer : peer.through(gateway.environments[through]!);
      return speaker.call(tool, args, { headers: { 'idempotency-key': key }, ...(id === undefined ? {} : { id }) });
    },
    executions: () => upstream.of('tools/call').length,
  };
}

const reset = ({ response }: Incoming): void => void response.socket?.resetAndDestroy();

describe.each(LEGS)('$name', (leg) => {
  describe.each(PAIRS)('a client of %s on a %s upstream', (...pair) => {
    test('gets the answer of the first call again, marked, from another environment, under its own id', async () => {
      const { pay, executions, upstream, gateway } = await open(leg, pair);
      upstream.onCall(({ answer }) => answer({ content: [], number: executions(), _meta: { own: 1 } }));
      const first = await pay({ amount: 5 }, { through: 0, id: 'one' });
      const again = await pay({ amount: 5 }, { through: 1, id: 'two' });
      expect(first.result.number).toBe(1);
      expect(first.result._meta?.[REPLAYED]).toBeUndefined();
      expect(again).toEqual({
        ...first,
        id: 'two',
        result: { ...first.result, _meta: { ...first.result._meta, [REPLAYED]: true } },
      });
      expect(executions()).toBe(1);
      expect(gateway.actions.slice(-2)).toMatchObject([
        { replayed: false },
        { replayed: true, upstream: 'up', upstreamRequests: 0 },
      ]);
    });

    test('is told of no replay by the upstream itself', async () => {
      const { pay, upstream } = await open(leg, pair);
      upstream.onCall(({ answer }) => answer({ content: [], _meta: { [REPLAYED]: true, own: 1 } }));
      expect((await pay()).result._meta).toMatchObject({ own: 1 });
      expect((await pay({}, { key: randomUUID() })).result._meta[REPLAYED]).toBeUndefined();
      expect((await pay()).result._meta[REPLAYED]).toBe(true);
    });

    test('waits for the first call when its own arrives while that one runs', async () => {
      const claims = new Turnstile();
      const { pay, executions, upstream } = await open(leg, pair, {
        wrapStores: (stores: Stores) => ({ ...stores, idempotency: claimsIn(stores.idempotency, claims) }),
      });
      const running = Promise.withResolvers<Incoming>();
      upstream.onCall((incoming) => running.resolve(incoming));
      const first = pay({}, { through: 0 });
      const { answer } = await running.promise;
      await claims.next();
      const joined = pay({}, { through: 1 });
      await claims.next();
      answer({ content: [], paid: true });
      expect((await first).result.paid).toBe(true);
      expect((await joined).result).toMatchObject({ paid: true, _meta: { [REPLAYED]: true } });
      expect(executions()).toBe(1);
    });

    test('gets one execution for many calls at once, and the same answer to all of them', async () => {
      const { pay, executions, upstream } = await open(leg, pair, { environments: 4 });
      upstream.onCall(({ answer }) => answer({ content: [], number: executions() }));
      const calls = Array.from({ length: 12 }, (_, call) => pay({ amount: 1 }, { through: call % 4 }));
      const answers = await Promise.all(calls);
      expect(answers.map(({ result }): unknown => result?.number)).toEqual(Array.from({ length: 12 }, () => 1));
      expect(answers.filter(({ result }) => result._meta?.[REPLAYED] === true)).toHaveLength(11);
      expect(executions()).toBe(1);
    });

    test('is told of an unknown outcome, and the call is not executed again', async () => {
      const { pay, executions, upstream, gateway } = await open(leg, pair);
      upstream.onCall(reset);
      expect((await pay()).error).toMatchObject({ code: 1003, data: { mayHaveRun: true } });
      upstream.onCall(({ answer }) => answer({ content: [] }));
      const again = await pay();
      expect(again.error).toMatchObject({ code: 1024, data: { upstream: 'up', tool: 'up__pay', mayHaveRun: true } });
      expect(executions()).toBe(1);
      await pay();
      expect(gateway.actions.at(-1)).toMatchObject({ errorKind: 'outcome-unknown', upstream: 'up', attempt: 0 });
      // The operator hears of the execution, and of none of the repetitions.
      expect(gateway.notices).toEqual([{ kind: 'outcome-unknown', upstream: 'up' }]);
    });

    test('gets a repeatable tool executed again when the outcome is unknown', async () => {
      const tools = { pay: { idempotent: true, retries: 0 } };
      const { pay, executions, upstream } = await open(leg, pair, { upstream: { tools } });
      upstream.onCall(reset);
      expect((await pay()).error.code).toBe(1003);
      upstream.onCall(({ answer }) => answer({ content: [], number: executions() }));
      expect((await pay()).result).toMatchObject({ number: 2 });
      expect((await pay()).result).toMatchObject({ number: 2, _meta: { [REPLAYED]: true } });
      expect(executions()).toBe(2);
    });

    test('may try again when the call cannot have run', async () => {
      const { pay, executions, upstream } = await open(leg, pair, { upstream: { retries: 0 } });
      upstream.onCall(({ response }) => void response.writeHead(429).end());
      expect((await pay()).error).toMatchObject({ code: 1010, data: { mayHaveRun: false } });
      upstream.onCall(({ answer }) => answer({ content: [], number: executions() }));
      const served = await pay();
      expect(served.result.number).toBe(2);
      expect(served.result._meta?.[REPLAYED]).toBeUndefined();
    });

    test('may try again where the upstream does not accept the gateway, or knows none of its sessions', async () => {
      const { pay, executions, upstream } = await open(leg, pair, { upstream: { retries: 0 } });
      const unknown = JSON.stringify({
        jsonrpc: '2.0',
        id: null,
        error: { code: -32001, message: 'Session not found' },
      });
      const json = { 'content-type': 'application/json' };
      upstream.onCall(({ response }) => void response.writeHead(401).end());
      expect((await pay()).error).toMatchObject({ code: 1013, data: { mayHaveRun: false } });
      upstream.onCall(({ response, modern }) => void response.writeHead(modern ? 403 : 404, json).end(unknown));
      expect((await pay()).error.data).toMatchObject({ mayHaveRun: false });
      const refusals = executions();
      upstream.onCall(({ answer }) => answer({ content: [], served: true }));
      expect((await pay()).result.served).toBe(true);
      expect(executions()).toBe(refusals + 1);
    });

    test('is remembered for a day where nobody knows how the call ended, however short keys are remembered', async () => {
      const clock = createManualClock();
      const tools = { pay: { idempotencyTtlSeconds: 1 } };
      const { pay, executions, upstream } = await open(leg, pair, { clock, upstream: { tools } });
      upstream.onCall(reset);
      expect((await pay()).error.code).toBe(1003);
      clock.advance(23 * 60 * 60 * 1000);
      expect((await pay()).error.code).toBe(1024);
      expect(executions()).toBe(1);
    });

    test('is forgotten as soon as the operator says where the outcome is known', async () => {
      const clock = createManualClock();
      const tools = { pay: { idempotencyTtlSeconds: 1 } };
      const { pay, executions } = await open(leg, pair, { clock, upstream: { tools } });
      await pay();
      clock.advance(1001);
      expect((await pay()).result._meta?.[REPLAYED]).toBeUndefined();
      expect(executions()).toBe(2);
    });

    test('may not use a key for other arguments', async () => {
      const { pay, executions } = await open(leg, pair);
      await pay({ amount: 5, to: 'a' });
      const other = await pay({ amount: 6, to: 'a' });
      expect(other.error.code).toBe(-32602);
      expect(other.error.message).toMatch(/other arguments/);
      // The same, written in another order.
      expect((await pay({ to: 'a', amount: 5 })).result._meta[REPLAYED]).toBe(true);
      expect(executions()).toBe(1);
    });

    test('is refused what was refused: an error of the tool is an outcome', async () => {
      const { pay, executions, upstream } = await open(leg, pair);
      upstream.onCall(({ fail }) => fail(42, 'no money', { need: 3 }));
      const first = await pay({}, { id: 'same' });
      expect(first.error).toEqual({ code: 42, message: 'no money', data: { need: 3 } });
      expect(await pay({}, { id: 'same' })).toEqual(first);
      expect(executions()).toBe(1);
    });

    test('hears progress of its own call, and not of the one that it joins', async () => {
      const { upstream, peer, gateway, executions } = await open(leg, pair);
      const running = Promise.withResolvers<Incoming>();
      upstream.onCall((incoming) => {
        incoming.progress(1);
        running.resolve(incoming);
      });
      const headers = { 'idempotency-key': randomUUID() };
      const params = { name: 'up__pay', arguments: {} };
      const stream = (through: number, id: string) =>
        peer.through(gateway.environments[through]!).request('tools/call', params, { headers, id, progressToken: id });
      const first = stream(0, 'p1');
      const { answer } = await running.promise;
      // Whenever it arrives, it is not executed.
      const second = stream(1, 'p2');
      answer({ content: [] });
      const [heard, unheard] = await Promise.all([first, second]);
      const progressOf = (messages: readonly AnyJson[]): unknown[] =>
        messages.filter(({ method }) => method !== undefined);
      expect(progressOf(heard.messages)).toMatchObject([{ params: { progressToken: 'p1', progress: 1 } }]);
      expect(progressOf(unheard.messages)).toEqual([]);
      expect(executions()).toBe(1);
    });

    test('executes as often as it asks without a key, whatever the JSON-RPC id', async () => {
      const { peer, executions } = await open(leg, pair);
      await peer.call('up__pay', {}, { id: 'same' });
      await peer.call('up__pay', {}, { id: 'same' });
      expect(executions()).toBe(2);
    });

    test('may put the key anywhere, and the upstream does not see it', async () => {
      const { peer, executions, upstream } = await open(leg, pair);
      const key = randomUUID();
      const params = { name: 'up__pay', arguments: { a: 1 } };
      const places: [object, object][] = [
        [{}, { headers: { 'idempotency-key': key } }],
        [{}, { headers: { 'idempotency-key': `"${key}"` } }],
        [{ _meta: { 'io.sluice/idempotency-key': key, kept: 1 } }, {}],
        [{ idempotencyKey: key }, {}],
      ];
      for (const [more, options] of places) {
        const { messages } = await peer.request('tools/call', { ...params, ...more }, options);
        expect(messages.at(-1).result).toBeDefined();
      }
      expect(executions()).toBe(1);
      await peer.request('tools/call', {
        ...params,
        idempotencyKey: randomUUID(),
        _meta: { kept: 1 },
      });
      for (const { text, headers } of upstream.of('tools/call')) {
        expect(text).not.toMatch(/idempotency/i);
        expect(headers['idempotency-key']).toBeUndefined();
      }
      expect(executions()).toBe(2);
    });

    test('may not name two keys, or one that is none', async () => {
      const { peer, executions } = await open(leg, pair);
      const bad: [object, object][] = [
        [{ idempotencyKey: 'a'.repeat(30) }, { headers: { 'idempotency-key': 'b'.repeat(30) } }],
        [{ idempotencyKey: '' }, {}],
        [{ idempotencyKey: 7 }, {}],
        [{ _meta: { 'io.sluice/idempotency-key': null } }, {}],
        [{}, { headers: { 'idempotency-key': '"open' } }],
        [{ idempotencyKey: 'x'.repeat(256) }, {}],
      ];
      for (const [more, options] of bad) {
        const { messages } = await peer.request('tools/call', { name: 'up__pay', arguments: {}, ...more }, options);
        expect([more, options, messages.at(-1).error.code]).toEqual([more, options, -32602]);
      }
      expect(executions()).toBe(0);
    });

    test('shares no key with another tool', async () => {
      const { pay, executions } = await open(leg, pair);
      await pay({}, { tool: 'up__pay' });
      expect((await pay({}, { tool: 'up__refund' })).result._meta?.[REPLAYED]).toBeUndefined();
      expect(executions()).toBe(2);
    });

    test('must give a key where the operator requires one', async () => {
      const tools = { pay: { idempotency: 'required' } };
      const { peer, pay, executions } = await open(leg, pair, { upstream: { tools } });
      expect((await peer.call('up__pay')).error).toMatchObject({ code: -32602, message: /idempotency key/ });
      expect(executions()).toBe(0);
      expect((await pay()).result).toBeDefined();
    });

    test('need not give one for a tool that says it is read-only', async () => {
      const tools = { pay: { idempotency: 'required' } };
      const { peer, upstream, gateway } = await open(leg, pair, { upstream: { tools } });
      const tool = { name: 'pay', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } };
      upstream.on('tools/list', ({ answer }) => answer({ tools: [tool], ttlMs: 60_000, cacheScope: 'public' }));
      await peer.request('tools/list');
      await gateway.settled();
      expect((await peer.call('up__pay')).result).toBeDefined();
    });

    test('gets nothing kept of a tool that the operator calls read-only, or whose keys are off', async () => {
      const tools = { look: { readOnly: true }, plain: { idempotency: 'off' } };
      const { pay, executions } = await open(leg, pair, { upstream: { tools } });
      for (const tool of ['up__look', 'up__look', 'up__plain', 'up__plain']) {
        expect((await pay({}, { tool })).result._meta?.[REPLAYED]).toBeUndefined();
      }
      expect(executions()).toBe(4);
    });

    test('is told that a result was too large to be kept, and the call is not executed again', async () => {
      const { pay, executions, upstream } = await open(leg, pair);
      const noise = Array.from({ length: 30_000 }, () => randomUUID()).join('');
      upstream.onCall(({ answer }) => answer({ content: [{ type: 'text', text: noise }] }));
      expect((await pay()).result.content[0].text).toBe(noise);
      expect((await pay()).error).toMatchObject({ code: 1026, data: { mayHaveRun: true } });
      expect(executions()).toBe(1);
    });

    test('gets a large result again, and to the letter', async () => {
      const { pay, upstream, executions } = await open(leg, pair);
      const text = `${'long and '.repeat(50_000)}\u2028 12345678901234567890`;
      upstream.onCall(({ answer }) => answer({ content: [{ type: 'text', text }], exact: [1, 2] }));
      const first = await pay();
      const again = await pay();
      expect(again.result.content).toEqual(first.result.content);
      expect(executions()).toBe(1);
    });
  });
});

describe.each(LEGS)('$name', (leg) => {
  test('two anonymous sessions never share a key', async () => {
    const { gateway, executions, peer } = await open(leg, ['2025-11-25', 'legacy']);
    const other = await gateway.client.connect('2025-11-25');
    const options = { headers: { 'idempotency-key': 'short' } };
    expect((await peer.call('up__pay', {}, options)).result).toBeDefined();
    expect((await other.call('up__pay', {}, options)).result._meta?.[REPLAYED]).toBeUndefined();
    expect(executions()).toBe(2);
  });

  test('without a session, an anonymous key that could be guessed is refused', async () => {
    const { pay, executions } = await open(leg, ['2026-07-28', 'modern']);
    expect((await pay({}, { key: 'k'.repeat(21) })).error).toMatchObject({ code: -32602, message: /22 characters/ });
    expect((await pay({}, { key: 'k'.repeat(22) })).result).toBeDefined();
    expect(executions()).toBe(1);
  });

  test('a legacy client cannot make a call another step of itself', async () => {
    const { peer, executions } = await open(leg, ['2025-11-25', 'legacy']);
    const headers = { 'idempotency-key': randomUUID() };
    const call = async (more: object): Promise<AnyJson> => {
      const params = { name: 'up__pay', arguments: { amount: 5 }, ...more };
      return (await peer.request('tools/call', params, { headers })).messages.at(-1);
    };
    expect((await call({})).result).toBeDefined();
    expect((await call({ requestState: 'x' })).error.code).toBe(-32602);
    expect(executions()).toBe(1);
  });

  test('a call that was turned away for what it says of its client may be made in another way', async () => {
    const { peer, upstream, executions } = await open(leg, ['2026-07-28', 'modern']);
    upstream.onCall((incoming) => {
      const { elicitation } = incoming.params._meta['io.modelcontextprotocol/clientCapabilities'];
      if (elicitation === undefined) incoming.fail(-32021, 'needs elicitation', { requiredCapabilities: {} });
      else incoming.answer({ content: [], served: true });
    });
    const headers = { 'idempotency-key': randomUUID() };
    const call = async (capabilities: object): Promise<AnyJson> =>
      (await peer.request('tools/call', { name: 'up__pay', arguments: {} }, { headers, capabilities })).messages.at(-1);
    expect((await call({})).error.code).toBe(-32021);
    expect((await call({ elicitation: { form: {} } })).result.served).toBe(true);
    expect(executions()).toBe(2);
  });

  test('one header cannot be for the calls of a batch', async () => {
    const { gateway, peer, executions } = await open(leg, ['2025-11-25', 'legacy']);
    const old = await gateway.client.connect('2025-03-26');
    const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'up__pay' } });
    const headers = { ...old.headers, 'idempotency-key': randomUUID() };
    expect((await gateway.client.post([call(1), call(2)], headers)).status).toBe(400);
    expect((await gateway.client.post([call(1)], headers)).status).toBe(200);
    expect(executions()).toBe(1);
    expect(peer).toBeDefined();
  });

  test('an answer to a question of the tool is another step of the call, and is executed once as well', async () => {
    const { peer, upstream, executions } = await open(leg, ['2026-07-28', 'modern']);
    const question = { method: 'elicitation/create', params: { mode: 'form', message: '?', requestedSchema: {} } };
    upstream.onCall(({ params, answer }) =>
      params.inputResponses === undefined
        ? answer({ resultType: 'input_required', inputRequests: { q: question }, requestState: 's' })
        : answer({ content: [], said: params.inputResponses.q.content.name }),
    );
    const headers = { 'idempotency-key': randomUUID() };
    const capabilities = { elicitation: { form: {} } };
    const step = async (more: object = {}): Promise<AnyJson> => {
      const params = { name: 'up__pay', arguments: { a: 1 }, ...more };
      return (await peer.request('tools/call', params, { headers, capabilities })).messages.at(-1).result;
    };
    const reply = (name: string) => ({
      inputResponses: { q: { action: 'accept', content: { name } } },
      requestState: 's',
    });
    expect(await step()).toMatchObject({ resultType: 'input_required' });
    expect(await step()).toMatchObject({ resultType: 'input_required', _meta: { [REPLAYED]: true } });
    expect(await step(reply('Ann'))).toMatchObject({ said: 'Ann' });
    expect(await step(reply('Ann'))).toMatchObject({ said: 'Ann', _meta: { [REPLAYED]: true } });
    expect(executions()).toBe(2);
  });

  test('who waits for a call whose environment is gone learns that it may be running, and later that nobody knows', async () => {
    const clock = createManualClock();
    const claims = new Turnstile();
    const { pay, executions, gateway } = await open(leg, ['2026-07-28', 'modern'], {
      clock,
      wrapStores: (stores: Stores) => ({ ...stores, idempotency: unendedIn(claimsIn(stores.idempotency, claims)) }),
    });
    // Its client has the answer; that it was given is what nobody could write down.
    expect((await pay({}, { through: 0 })).result).toBeDefined();
    expect(gateway.takeDefects()).toHaveLength(1);
    await claims.next();
    const waiting = pay({}, { through: 1 });
    await claims.next();
    expect((await passingTime(clock, 500, waiting)).error).toMatchObject({
      code: 1025,
      data: { mayHaveRun: true, retryAfterMs: 1000 },
    });
    clock.advance(5000);
    expect(gateway.notices).toEqual([]);
    for (const through of [0, 1]) {
      expect((await pay({}, { through })).error).toMatchObject({ code: 1024, data: { mayHaveRun: true } });
      await gateway.settled();
    }
    expect(executions()).toBe(1);
    expect(gateway.notices).toEqual([{ kind: 'outcome-unknown', upstream: 'up' }]);
  });
});

/** Resolves `next` with each pass; passes that nobody waited for are kept. */
class Turnstile {
  #passes = 0;
  #wake = (): void => {};

  pass(): void {
    this.#passes += 1;
    this.#wake();
  }

  async next(): Promise<void> {
    while (this.#passes === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#passes -= 1;
  }
}

/** Each claim of a key is counted once it has been decided. */
function claimsIn(store: IdempotencyStore, claims: Turnstile): IdempotencyStore {
  return {
    ...store,
    async begin(key, claim, now) {
      const outcome = await store.begin(key, claim, now);
      claims.pass();
      return outcome;
    },
  };
}

/** Executions begin, and how they end is never written by who executes them. */
function unendedIn(store: IdempotencyStore): IdempotencyStore {
  const fails = async (): Promise<never> => {
    throw new StoreError('idempotency.complete', 'gone', undefined);
  };
  return { ...store, complete: fails, release: fails };
}
