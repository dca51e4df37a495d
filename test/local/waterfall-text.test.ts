import { describe, expect, test } from 'vitest';
import type { TraceSpan } from '../../lib/local/console/feed.ts';
import { drawWaterfall } from '../../lib/local/operator/waterfall-text.ts';

const BEGAN = 1_795_000_000_000;

function span(id: string, parent: string | null, from: number, until: number | null, rest: Partial<TraceSpan> = {}) {
  return {
    id,
    parent,
    name: id,
    kind: 'gateway',
    startedAt: BEGAN + from,
    endedAt: until === null ? null : BEGAN + until,
    status: 'ok',
    annotations: {},
    ...rest,
  } satisfies TraceSpan;
}

const TRACE = {
  traceId: '1-68f1c2d3-0123456789abcdef01234567',
  spans: [
    span('tools/call', null, 0, 100, { annotations: { outcome: 'error', error_kind: 'upstream-reset', attempt: 2 } }),
    span('plan', 'tools/call', 0, 1),
    span('upstream time', 'tools/call', 10, 50, { kind: 'upstream', status: 'fault', annotations: { attempt: 1 } }),
    span('connect', 'upstream time', 10, 20),
    span('upstream time again', 'tools/call', 60, 100, { kind: 'upstream' }),
  ],
};

describe('a waterfall in a terminal', () => {
  test('is a tree with bars, times and what matters, and totals', () => {
    const expected = [
      'trace 1-68f1c2d3-0123456789abcdef01234567',
      '',
      'tools/call             ########################################  100.0 ms  error, upstream-reset, attempt 2',
      '  plan                 #                                           1.0 ms',
      '  upstream time            ================                       40.0 ms  fault, attempt 1',
      '    connect                ====                                   10.0 ms',
      '  upstream time again                          ================   40.0 ms',
      '',
      'total 100.0 ms: gateway 20.0 ms (#), upstream 80.0 ms (=)',
    ];
    const drawn = drawWaterfall(TRACE, { columns: 107, hasColour: false });
    expect(drawn).toEqual(expected);
  });

  test('fits the terminal', () => {
    for (const columns of [80, 100, 200]) {
      const lines = drawWaterfall(TRACE, { columns, hasColour: false });
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
      expect(Math.max(...lines.map(({ length }) => length))).toBeGreaterThan(columns - 20);
    }
    expect(() => drawWaterfall(TRACE, { columns: 0, hasColour: false })).not.toThrow();
  });

  test('has two colours where there are colours', () => {
    const text = drawWaterfall(TRACE, { columns: 80, hasColour: true }).join('\n');
    expect(text).toMatch(/\u001B\[36m#+\u001B\[0m/);
    expect(text).toMatch(/\u001B\[33m=+\u001B\[0m/);
    expect(drawWaterfall(TRACE, { columns: 80, hasColour: false }).join('')).toMatch(/^[\x20-\x7e]*$/);
  });

  test('shows what is under way as that', () => {
    const lines = drawWaterfall(
      { ...TRACE, spans: [span('call', null, 0, null), span('wait', 'call', 5, 20, { kind: 'upstream' })] },
      { columns: 80, hasColour: false },
    );
    expect(lines[2]).toMatch(/^call +#+> +20\.0 ms {2}under way$/);
  });

  test('shows names for what they are, and lets none of them move a cursor', () => {
    const lines = drawWaterfall(
      {
        traceId: '1-\u001b[2J',
        spans: [
          span('x', null, 0, 0, { name: '\u001b[31m\u202eevil\n', annotations: { outcome: '\u0007', attempt: '\r' } }),
        ],
      },
      { columns: 80, hasColour: false },
    );
    expect(lines.join('')).toMatch(/^[\x20-\x7e]*$/);
    expect(lines[2]).toContain('?[31m?evil?');
  });

  test('is drawn of a deep trace, too', () => {
    const deep = Array.from({ length: 100 }, (_, at) => span(`s${at}`, at === 0 ? null : `s${at - 1}`, at, 100));
    const lines = drawWaterfall({ ...TRACE, spans: deep }, { columns: 100, hasColour: false });
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
  });
});
