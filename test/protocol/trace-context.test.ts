import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ancestryOfMessage,
  ancestryOfRequest,
  clientTraceId,
  outgoingContext,
  withoutBaggage,
  type OutgoingContext,
  type PlatformTrace,
} from '../../lib/protocol/trace-context.ts';
import type { Json } from '../../lib/protocol/message.ts';
import { seeded } from '../support/property.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE_ID}-${PARENT_ID}-01`;
const SPAN_ID = 'b7ad6b7169203331';
const PLATFORM: PlatformTrace = {
  id: '1-5759e988-bd862e3fe1be46a994272793',
  parent: '53995c3f42cd8ad8',
  sampled: false,
};

/** What an upstream is told when the client says this in its headers. */
const told = (headers: Record<string, string>, platform?: PlatformTrace, spanId?: string): OutgoingContext =>
  outgoingContext(ancestryOfRequest(headers, platform), spanId);

/** The same, of what it says in `_meta`. */
const toldOf = (meta: Json, headers: Record<string, string> = {}): OutgoingContext['meta'] =>
  outgoingContext(ancestryOfMessage(meta, ancestryOfRequest(headers, undefined)), undefined).meta;

describe('without a trace of the platform', () => {
  test('nothing is said where the client says nothing', () => {
    expect(told({ accept: '*/*' }, undefined, SPAN_ID)).toEqual({ meta: {}, headers: {} });
  });

  test('what the client says is passed on as it is', () => {
    const said = { traceparent: TRACEPARENT, tracestate: 'b=1,a=2', baggage: 'user=1' };
    expect(told({ ...said, other: 'x' })).toEqual({ meta: said, headers: said });
  });
});

describe('with a trace of the platform', () => {
  test('that is what is said, with the span of the request', () => {
    const traceparent = `00-5759e988bd862e3fe1be46a994272793-${SPAN_ID}-01`;
    expect(told({}, { ...PLATFORM, sampled: true }, SPAN_ID)).toEqual({
      meta: { traceparent },
      headers: { traceparent, 'x-amzn-trace-id': `Root=${PLATFORM.id};Parent=${SPAN_ID};Sampled=1` },
    });
  });

  test('the segment of the invocation stands in for a span that nobody records', () => {
    const traceparent = '00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00';
    expect(told({}, PLATFORM)).toEqual({
      meta: { traceparent },
      headers: { traceparent, 'x-amzn-trace-id': `Root=${PLATFORM.id};Parent=53995c3f42cd8ad8;Sampled=0` },
    });
  });

  test('no traceparent is made up where no span is known', () => {
    expect(told({}, { ...PLATFORM, parent: undefined })).toEqual({
      meta: {},
      headers: { 'x-amzn-trace-id': `Root=${PLATFORM.id};Sampled=0` },
    });
  });

  test('the trace of the client goes on, with the span of the request and a way back in its state', () => {
    const said = { traceparent: TRACEPARENT, tracestate: 'b=1,sluice=old,a=2' };
    expect(told(said, PLATFORM, SPAN_ID)).toEqual({
      meta: { traceparent: `00-${TRACE_ID}-${SPAN_ID}-01`, tracestate: `sluice=${PLATFORM.id},b=1,a=2` },
      headers: {
        traceparent: `00-${TRACE_ID}-${SPAN_ID}-01`,
        tracestate: `sluice=${PLATFORM.id},b=1,a=2`,
        'x-amzn-trace-id': `Root=${PLATFORM.id};Parent=${SPAN_ID};Sampled=0`,
      },
    });
  });

  test('what the client says stays as it is where nothing is recorded', () => {
    const said = { traceparent: TRACEPARENT, tracestate: 'b=1,sluice=old,a=2' };
    expect(told(said, PLATFORM).meta).toEqual(said);
  });

  test.each(['00', '01', '02', '03'])('the flags of the client are passed on as %s', (flags) => {
    const traceparent = `00-${TRACE_ID}-${PARENT_ID}-${flags}`;
    expect(told({ traceparent }, { ...PLATFORM, sampled: true }, SPAN_ID).meta.traceparent).toBe(
      `00-${TRACE_ID}-${SPAN_ID}-${flags}`,
    );
  });
});

describe('a traceparent', () => {
  test.each([
    ['of a later version', `cc-${TRACE_ID}-${PARENT_ID}-01`, TRACEPARENT],
    ['with what a later version adds', `cc-${TRACE_ID}-${PARENT_ID}-01-what.ever`, TRACEPARENT],
    ['with flags that mean nothing yet', `00-${TRACE_ID}-${PARENT_ID}-fd`, TRACEPARENT],
  ])('%s is read as this version has it', (_what, traceparent, as) => {
    expect(told({ traceparent }).meta).toEqual({ traceparent: as });
  });

  test.each([
    ['empty', ''],
    ['of the version that is none', `ff-${TRACE_ID}-${PARENT_ID}-01`],
    ['with more than version 00 has', `${TRACEPARENT}-x`],
    ['with an end that is no end', `${TRACEPARENT}-`],
    ['of a later version with something stuck to it', `cc-${TRACE_ID}-${PARENT_ID}-01.x`],
    ['of trace zero', `00-${'0'.repeat(32)}-${PARENT_ID}-01`],
    ['of parent zero', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
    ['in upper case', TRACEPARENT.toUpperCase()],
    ['with spaces around it', ` ${TRACEPARENT} `],
    ['with a line after it', `${TRACEPARENT}\n`],
    ['with a header after it', `cc-${TRACE_ID}-${PARENT_ID}-01-\r\nx-own: 1`],
    ['twice', `${TRACEPARENT}, ${TRACEPARENT}`],
    ['too short', TRACEPARENT.slice(0, -1)],
    ['of digits that are none', TRACEPARENT.replace('a', 'g')],
    ['of digits of another script', TRACEPARENT.replace('1', '\u0661')],
    ['of a megabyte', `cc${TRACEPARENT.slice(2)}-${'\u0100'.repeat(1_000_000)}`],
  ])('%s is as good as none', (_what, traceparent) => {
    expect(told({ traceparent, tracestate: 'a=1' }).meta).toEqual({});
    expect(toldOf({ traceparent, tracestate: 'a=1' })).toEqual({});
  });
});

describe('a tracestate', () => {
  const stateOf = (tracestate: string, platform?: PlatformTrace, spanId?: string): string | undefined =>
    told({ traceparent: TRACEPARENT, tracestate }, platform, spanId).meta.tracestate;

  test.each([
    ['spaces, tabs and empty members', ' a=1 ,\t,b=2\t,', 'a=1,b=2'],
    ['the largest key and value', `${'a'.repeat(256)}=${'v'.repeat(255)}`, `${'a'.repeat(256)}=${'v'.repeat(255)}`],
    ['keys of every character', '0a_-*/@z=1', '0a_-*/@z=1'],
    ['values of every kind', 'a= !"#+;<>~', 'a= !"#+;<>~'],
  ])('may have %s', (_what, tracestate, passedOn) => {
    expect(stateOf(tracestate)).toBe(passedOn);
  });

  test.each([
    ['nothing in it', ' , ,'],
    ['a member without a value', 'a=1,b'],
    ['an empty value', 'a='],
    ['an empty key', '=1'],
    ['a key in upper case', 'A=1'],
    ['a key that begins with a sign', '_a=1'],
    ['a key that is too long', `${'a'.repeat(257)}=1`],
    ['a value that is too long', `a=${'v'.repeat(257)}`],
    ['a value with =', 'a=b=c'],
    ['the same key twice', 'a=1,b=2,a=3'],
    ['33 members', Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(',')],
    ['a line feed', 'a=1\nx-own: 1'],
    ['a carriage return at its end', 'a=1\r'],
    ['a NUL', 'a=\u0000'],
    ['what is not ASCII', 'a=\u00fc'],
    ['100 KB', `a=${' '.repeat(100_000)}1`],
  ])('with %s is as good as none', (_what, tracestate) => {
    expect(stateOf(tracestate)).toBeUndefined();
  });

  test('of 32 members loses the last one when one is put before them', () => {
    const members = Array.from({ length: 32 }, (_, index) => `k${index}=1`);
    expect(stateOf(members.join(','), PLATFORM, SPAN_ID)).toBe(
      [`sluice=${PLATFORM.id}`, ...members.slice(0, 31)].join(','),
    );
  });

  test('of which no member can be kept is left out', () => {
    const large = ['a', 'b', 'c', 'd'].map((key) => `${key}=${'v'.repeat(140)}`);
    expect(stateOf(large.join(','))).toBeUndefined();
    expect(toldOf({ traceparent: TRACEPARENT, tracestate: large.join(',') })).not.toHaveProperty('tracestate');
  });

  test('that is too long loses its large members first, and then those at its end', () => {
    const small = Array.from({ length: 10 }, (_, index) => `k${index}=${'v'.repeat(60)}`);
    const large = `large=${'v'.repeat(200)}`;
    expect(stateOf([large, ...small].join(','))).toBe(small.slice(0, 8).join(','));
    expect(stateOf([large, ...small].join(','), PLATFORM, SPAN_ID)).toBe(
      [`sluice=${PLATFORM.id}`, ...small.slice(0, 7)].join(','),
    );
  });
});

describe('baggage', () => {
  const baggageOf = (baggage: string): string | undefined => told({ baggage }).meta.baggage;

  test.each([
    ['one member', 'user=1'],
    ['properties', 'user=al%20ice;secret;ttl=5 ; a = b ,team=x'],
    ['spaces and tabs', 'a = 1 ,\tb\t=\t2'],
    ['an empty value', 'a=,b=;c'],
    ['the same key twice', 'a=1,a=2'],
    ['64 members', Array.from({ length: 64 }, (_, index) => `k${index}=1`).join(',')],
    ['8192 bytes', `a=${'v'.repeat(8190)}`],
    ['what looks like more members', 'a=b=c'],
  ])('may have %s, and is passed on as it is', (_what, baggage) => {
    expect(baggageOf(baggage)).toBe(baggage);
  });

  test.each([
    ['nothing in it', ''],
    ['an empty member', 'a=1,,b=2'],
    ['a comma at its end', 'a=1,'],
    ['a key alone', 'a'],
    ['a key with a space', 'a b=1'],
    ['a value with a space', 'a=1 2'],
    ['a value with a quote', 'a="1"'],
    ['a backslash', 'a=\\'],
    ['an empty property', 'a=1;'],
    ['65 members', Array.from({ length: 65 }, (_, index) => `k${index}=1`).join(',')],
    ['8193 bytes', `a=${'v'.repeat(8191)}`],
    ['a line feed', 'a=1\nx-own: 1'],
    ['a line feed at its end', 'a=1\n'],
    ['what is not ASCII', 'a=\u00fc'],
  ])('with %s is as good as none', (_what, baggage) => {
    expect(baggageOf(baggage)).toBeUndefined();
  });

  test('needs no traceparent, and stands whatever that is', () => {
    expect(told({ traceparent: 'x', baggage: 'a=1' }).meta).toEqual({ baggage: 'a=1' });
  });

  test('is read in no time, however it repeats itself', () => {
    const texts = [' ', '\t ', 'a', 'a ', ';', '; ', '= ', ';a= ', ';a = '].flatMap((part) => {
      const many = part.repeat(Math.floor(8000 / part.length));
      return [`a=${many}`, `a=${many}"`, `a=1;b=${many}"`, `${many}"`];
    });
    const began = performance.now();
    for (const text of texts) for (let times = 0; times < 10; times += 1) baggageOf(text);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test('stays behind where the gateway asks by itself, and nothing else does', () => {
    const said = { traceparent: TRACEPARENT, tracestate: 'a=1' };
    const ancestry = ancestryOfRequest({ ...said, baggage: 'a=1' }, undefined);
    expect(outgoingContext(withoutBaggage(ancestry), undefined).meta).toEqual(said);
  });
});

describe('of what is said twice', () => {
  const OTHER = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`;

  test('what the message says wins over the headers', () => {
    expect(
      toldOf({ traceparent: OTHER, baggage: 'b=2' }, { traceparent: TRACEPARENT, tracestate: 'a=1', baggage: 'a=1' }),
    ).toEqual({ traceparent: OTHER, baggage: 'b=2' });
  });

  test('what is invalid in the message is as good as not said there', () => {
    const headers = { traceparent: TRACEPARENT, tracestate: 'a=1', baggage: 'a=1' };
    expect(toldOf({ traceparent: 'x', tracestate: 'b=2', baggage: '' }, headers)).toEqual(headers);
  });

  test('each may come from another place, but a tracestate only with its traceparent', () => {
    expect(toldOf({ baggage: 'b=2', tracestate: 'b=2' }, { traceparent: TRACEPARENT, tracestate: 'a=1' })).toEqual({
      traceparent: TRACEPARENT,
      tracestate: 'a=1',
      baggage: 'b=2',
    });
    expect(toldOf({ traceparent: OTHER }, { baggage: 'a=1' })).toEqual({ traceparent: OTHER, baggage: 'a=1' });
  });

  test.each([null, 7, 'text', [], {}])('a message whose _meta is %j says nothing', (meta) => {
    expect(toldOf(meta, { traceparent: TRACEPARENT })).toEqual({ traceparent: TRACEPARENT });
  });

  test.each([null, 7, true, [TRACEPARENT], { traceparent: TRACEPARENT }])('nor does one that says %j', (value) => {
    const meta = { traceparent: value, tracestate: value, baggage: value };
    expect(toldOf(meta, { traceparent: TRACEPARENT })).toEqual({ traceparent: TRACEPARENT });
  });
});

test("the client's trace is known by its id", () => {
  expect(clientTraceId(ancestryOfRequest({ traceparent: TRACEPARENT }, PLATFORM))).toBe(TRACE_ID);
  expect(clientTraceId(ancestryOfRequest({ traceparent: 'x' }, PLATFORM))).toBeNull();
  expect(clientTraceId(undefined)).toBeNull();
});

describe('whatever a client says', () => {
  const digits = (length: number) =>
    fc.string({
      unit: fc.constantFrom(...Array.from({ length: 16 }, (_, digit) => digit.toString(16))),
      minLength: length,
      maxLength: length,
    });
  const traceparent = fc
    .tuple(fc.constantFrom('00', '01', 'fe'), digits(32), digits(16), digits(2))
    .map((parts) => parts.join('-'));
  const member = fc
    .tuple(fc.stringMatching(/^[a-z0-9][a-z0-9_*/@-]{0,20}$/), fc.stringMatching(/^[!-+\--<>-~]{1,40}$/))
    .map(([key, value]) => `${key}=${value}`);
  const list = fc.array(member, { maxLength: 40 }).map((members) => members.join(','));
  /** Something valid with something put into it somewhere, or taken from it. */
  const spoilt = (text: fc.Arbitrary<string>) =>
    fc
      .tuple(text, fc.nat(), fc.nat(2), fc.oneof(fc.constantFrom('\r\n', '\n', '\0', ',', '=', ' '), fc.string()))
      .map(([whole, at, gone, put]) => {
        const from = at % (whole.length + 1);
        return whole.slice(0, from) + put + whole.slice(from + gone);
      });
  const anything = (text: fc.Arbitrary<string>) => fc.oneof(text, spoilt(text), fc.string(), fc.jsonValue());
  const said = fc.record(
    { traceparent: anything(traceparent), tracestate: anything(list), baggage: anything(list) },
    { requiredKeys: [] },
  );
  const platform = fc.option(fc.constantFrom(PLATFORM, { ...PLATFORM, parent: undefined }), { nil: undefined });

  test('what upstreams are told follows the formats, and says the same in both places', () => {
    fc.assert(
      fc.property(said, platform, fc.constantFrom(undefined, SPAN_ID), (meta, trace, spanId) => {
        const ancestry = ancestryOfMessage(meta, ancestryOfRequest({}, trace));
        const { meta: out, headers } = outgoingContext(ancestry, spanId);
        const { 'x-amzn-trace-id': aws, ...others } = headers;
        expect(others).toEqual(out);
        expect(aws === undefined).toBe(trace === undefined);
        expect(Object.keys(out).filter((key) => !['traceparent', 'tracestate', 'baggage'].includes(key))).toEqual([]);
        if (out.traceparent !== undefined) {
          expect(out.traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]$/);
        }
        if (out.tracestate !== undefined) {
          expect(out.traceparent).toBeDefined();
          expect(out.tracestate).toMatch(/^[\x20-\x7e]{1,512}$/);
          const keys = out.tracestate.split(',').map((one) => one.slice(0, one.indexOf('=')));
          expect(new Set(keys).size).toBe(keys.length);
          expect(keys.length).toBeLessThanOrEqual(32);
        }
        if (out.baggage !== undefined) expect(out.baggage).toMatch(/^[\t\x20-\x7e]{1,8192}$/);
      }),
      seeded('trace context', 1_000),
    );
  });

  test('its own trace is never left: the id and the members that are kept stay as they are, in their order', () => {
    const valid = fc.record({
      traceparent: traceparent.filter((text) => !/-0{16}0*-|-0{16}-/.test(text)),
      members: fc.uniqueArray(member, { maxLength: 30, selector: (text) => text.split('=')[0] }),
    });
    fc.assert(
      fc.property(valid, fc.constantFrom(undefined, SPAN_ID), ({ traceparent: text, members }, spanId) => {
        const out = told({ traceparent: text, tracestate: members.join(',') }, PLATFORM, spanId).meta;
        expect(out.traceparent?.split('-')[1]).toBe(text.split('-')[1]);
        expect(out.traceparent?.split('-')[2]).toBe(spanId ?? text.split('-')[2]);
        const kept = (out.tracestate?.split(',') ?? []).filter((one) => !one.startsWith('sluice='));
        expect(kept).toEqual(members.filter((one) => kept.includes(one)));
        if (members.join(',').length <= 512 - 43) expect(kept).toHaveLength(members.length);
      }),
      seeded('the trace that goes on', 500),
    );
  });
});
