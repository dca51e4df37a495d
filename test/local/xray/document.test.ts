import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDocument } from '../../../lib/local/xray/document.ts';

const SUBSEGMENT = {
  type: 'subsegment',
  trace_id: '1-68f1c2d3-0123456789abcdef01234567',
  id: '0123456789abcdef',
  parent_id: 'fedcba9876543210',
  name: 'call time: now/1',
  start_time: 1795000000.25,
  end_time: 1795000000.5,
};

function problemsOf(change: object): readonly string[] {
  const result = readDocument(JSON.stringify({ ...SUBSEGMENT, ...change }));
  return result.kind === 'refused' ? result.problems : [];
}

describe('an X-Ray document', () => {
  test('is read with what lies within it', () => {
    const within = { id: '00000000000000aa', name: 'inner', start_time: 1795000000.3, in_progress: true };
    const text = JSON.stringify({
      ...SUBSEGMENT,
      namespace: 'remote',
      fault: true,
      http: { request: { method: 'POST', url: 'http://upstream/mcp' }, response: { status: 502, content_length: 12 } },
      annotations: { outcome: 'error', attempt: 2, replayed: false },
      metadata: {
        default: { method: 'ping', anything: [1, { is: null }], 'no\nkey': 1, ['long'.repeat(200)]: 1 },
        another: { of: 'others' },
      },
      cause: { exceptions: [{ id: '00000000000000bb', message: 'reset' }] },
      subsegments: [within],
    });
    expect(readDocument(text)).toEqual({
      kind: 'document',
      document: {
        traceId: SUBSEGMENT.trace_id,
        id: SUBSEGMENT.id,
        parentId: SUBSEGMENT.parent_id,
        name: SUBSEGMENT.name,
        namespace: 'remote',
        startTime: 1795000000.25,
        endTime: 1795000000.5,
        isError: false,
        isThrottle: false,
        isFault: true,
        annotations: { outcome: 'error', attempt: 2, replayed: false },
        metadata: { method: 'ping' },
        subsegments: [
          expect.objectContaining({ id: within.id, parentId: SUBSEGMENT.id, endTime: null, namespace: null }),
        ],
      },
    });
  });

  test('may be a segment, which needs no parent', () => {
    const { type: _type, parent_id: _parent, ...segment } = SUBSEGMENT;
    expect(readDocument(JSON.stringify(segment))).toMatchObject({ kind: 'document', document: { parentId: null } });
  });

  test.for<[string, object, string]>([
    ['an id that is short', { id: '123' }, 'id: '],
    ['an id in capitals', { id: '0123456789ABCDEF' }, 'id: '],
    ['a trace id of another version', { trace_id: '2-68f1c2d3-0123456789abcdef01234567' }, 'trace_id: '],
    ['no trace id', { trace_id: undefined }, 'trace_id: '],
    ['no parent', { parent_id: undefined }, 'parent_id: '],
    ['another type', { type: 'span' }, 'type: '],
    ['no name', { name: '' }, 'name: '],
    ['a name with other symbols', { name: 'tools/call (time)' }, 'name: '],
    ['a long name', { name: 'x'.repeat(201) }, 'name: '],
    ['no beginning', { start_time: undefined }, 'start_time: '],
    ['milliseconds', { start_time: 1795000000250, end_time: 1795000000500 }, 'start_time: '],
    ['a time that is a text', { start_time: '1795000000.25' }, 'start_time: '],
    ['neither end nor progress', { end_time: undefined }, 'end_time: '],
    ['both end and progress', { in_progress: true }, 'end_time: '],
    ['an end before the beginning', { end_time: 1794999999 }, 'end_time: '],
    ['an unknown namespace', { namespace: 'local' }, 'namespace: '],
    ['a flag that is a number', { error: 1 }, 'error: '],
    ['a status that is a text', { http: { response: { status: '200' } } }, 'http.response.status: '],
    ['an annotation with a key of symbols', { annotations: { 'error-kind': 'x' } }, 'annotations: '],
    ['an annotation that is an object', { annotations: { tool: {} } }, 'annotations: '],
    ['a long annotation', { annotations: { tool: 'x'.repeat(1001) } }, 'annotations: '],
    [
      'too many annotations',
      { annotations: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`a${at}`, at])) },
      'annotations: ',
    ],
    ['metadata that is a list', { metadata: [] }, 'metadata: '],
    ['a cause without an id', { cause: { exceptions: [{ message: 'x' }] } }, 'cause.exceptions.id: '],
    ['subsegments that are no list', { subsegments: {} }, 'subsegments: '],
    ['a subsegment within that is wrong', { subsegments: [{ id: 'x' }] }, 'subsegments[0].id: '],
    ['more than 64 KB', { metadata: { long: 'x'.repeat(65_536) } }, 'document: '],
  ])('is refused for %s', ([, change, problem]) => {
    expect(problemsOf(change)).toContainEqual(expect.stringContaining(problem));
    expect(problemsOf(change)[0]).toMatch(/^\S+: \S/);
  });

  test('is refused when it is nested without end', () => {
    const part = { id: '00000000000000aa', name: 'inner', start_time: 1, end_time: 2 };
    const nested = Array.from({ length: 200 }).reduce<object>((inner) => ({ ...part, subsegments: [inner] }), part);
    expect(problemsOf({ subsegments: [nested] })).toEqual([expect.stringContaining('deep at most')]);
  });

  test('is refused with reasons, whatever it is', () => {
    const anyText = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record(Object.fromEntries(Object.keys(SUBSEGMENT).map((key) => [key, fc.jsonValue()])), { requiredKeys: [] })
        .map((change) => JSON.stringify({ ...SUBSEGMENT, id: null, ...change })),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const result = readDocument(text);
        if (result.kind === 'refused') expect(result.problems.length).toBeGreaterThan(0);
        else expect(result.document.id).toMatch(/^[0-9a-f]{16}$/);
      }),
    );
  });
});
