/** What the gateway costs, from small sample figures. */
import { expect, test } from 'vitest';
import { billSection } from './bill-section.ts';
import type { Assumptions, BillFigures, CallUsage } from './bill.ts';

const call: CallUsage = {
  what: 'a call',
  waits: true,
  gatewayMs: 50,
  coldMs: 1000,
  writeUnits: 2,
  readUnits: 1,
  logBytes: 1000,
  sentBytes: 1000,
};

const figures: BillFigures = {
  calls: [call, { ...call, what: 'a list', waits: false }],
  listening: [
    { what: 'a listener', requests: 12, seconds: 3600, writeUnits: 0, readUnits: 0, logBytes: 0, sentBytes: 0 },
  ],
  schedule: [{ what: 'idle', waits: 0, gatewayMs: 100, writeUnits: 0, readUnits: 1, logBytes: 0, sentBytes: 0 }],
  mostMemoryBytes: 100 * 2 ** 20,
  traced: { callMs: 0, firstMs: 0 },
};

const assumptions: Assumptions = { memoryMb: 512, upstreamMs: [50, 500], coldShare: 0.01, tracedShare: 0.05 };

const { words = [], sheets } = billSection(figures, assumptions);
const [, millions, spans] = sheets;

test('a call is billed for each wait, and a list that waits for nobody once', () => {
  // 0.2; 13.33 / 2 x (0.05 + 0.05 + 0.01); 2 x 0.625 + 0.125; 5 x 0.05; 0.5; 0.09. At 512 / 1769 of a core 0.05 s of the
  // gateway and 0.01 s of cold starts are 3.455 times as long, and the wait is not.
  const [near, far, list] = millions!.rows;
  expect(near).toEqual(['a call', '50 ms', '0.20', '0.73', '1.38', '0.25', '0.50', '0.090', '3.15', '4.13']);
  expect(far).toEqual(['a call', '500 ms', '0.20', '3.73', '1.38', '0.25', '0.50', '0.090', '6.15', '7.13']);
  expect(list).toEqual(['a list', 'none', '0.20', '0.40', '1.38', '0.25', '0.50', '0.090', '2.81', '3.80']);
});

test('the list price of another gateway is there, and said to be one', () => {
  expect(millions!.rows.at(-1)).toEqual([
    'Amazon Bedrock AgentCore Gateway: its list price, not measured',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '5.00',
    '',
  ]);
});

test('a held stream costs an environment for an hour, and an idle month what the schedule does', () => {
  const [hour, month] = spans!.rows;
  expect(hour).toEqual(['a listener', 'hour', '0.0000024', '0.024', '0', '0.0000030', '0', '0', '0.024', '']);
  expect(month).toEqual(['the schedule: idle', 'month', '0.0088', '0.029', '0.0055', '0', '0', '0', '0.043', '0.13']);
});

test('a function with a whole core or more has nothing to make up for', () => {
  const [, whole] = billSection(figures, { ...assumptions, memoryMb: 2048 }).sheets;
  const [dollars, atItsShare] = whole!.rows[0]!.slice(-2);
  expect(atItsShare).toBe(dollars);
});

test('what is a single sample and what is left out are stated', () => {
  for (const stated of ['single samples', 'overhead of its runtime']) expect(words.join(' ')).toContain(stated);
});

test('a call is billed for the time that its share of traces takes, and for loading what makes them', () => {
  // 13.33 / 2 x (0.05 x 0.002 + 0.01 x 0.994 x 0.03) = 0.0027 is too little to be seen beside 0.73, so: all of them.
  const all = { ...assumptions, coldShare: 1, tracedShare: 1 };
  const [, untraced] = billSection(figures, all).sheets;
  const [, traced] = billSection({ ...figures, traced: { callMs: 20, firstMs: 30 } }, all).sheets;
  const [before, after] = [untraced!, traced!].map(({ rows }) => Number(rows[0]![3])) as [number, number];
  expect(after - before).toBeCloseTo((13.33 / 2) * 0.05, 1);
});

test('what a traced call takes longer is stated', () => {
  const said = billSection({ ...figures, traced: { callMs: 0.5, firstMs: 30 } }, assumptions).words!.join(' ');
  for (const stated of ['0.50 ms longer', '30.0 ms besides', '99.4 % of environments']) expect(said).toContain(stated);
});

test('assumptions are stated', () => {
  const said = words.join(' ');
  for (const assumed of ['512 MB', 'held 100 MB', '1 % cold starts', '5 % of the calls traced']) {
    expect(said).toContain(assumed);
  }
});
