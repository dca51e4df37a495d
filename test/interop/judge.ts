/** What a client reports of its journey, beside what it should have seen. */
import { isDeepStrictEqual } from 'node:util';
import type { Ended } from './program.ts';

/** One thing that was to be seen, and what was wrong with it; undefined when it was as it should be. */
export interface Check {
  readonly name: string;
  readonly problem: string | undefined;
}

export type Saw = Readonly<Record<string, unknown>>;

/** By the name of the check. */
export type Expected = Readonly<Record<string, Saw>>;

interface Report {
  readonly check: string;
  readonly saw: unknown;
}

const MOST_WORDS = 600;

/**
 * One check for each of `expected`, one for the end of the program, and one for each line that it should not have
 * printed. So nothing passes that a client has not reported: one that ends early, or says nothing, fails.
 */
export function judgeJourney({ stdout, stderr, ending }: Ended, expected: Expected): readonly Check[] {
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  const reports = lines.flatMap((line) => readReport(line) ?? []);
  const strange = lines.filter((line) => !Object.hasOwn(expected, readReport(line)?.check ?? ''));
  return [
    ...Object.entries(expected).map(([name, saw]) => ({ name, problem: compare(saw, reports, name) })),
    { name: 'end', problem: ending === 'exit 0' ? undefined : `${ending}: ${stderr.trim().slice(-MOST_WORDS)}` },
    ...strange.map((line) => ({ name: 'report', problem: `unexpected: ${line.slice(0, MOST_WORDS)}` })),
  ];
}

function compare(expected: Saw, reports: readonly Report[], name: string): string | undefined {
  const found = reports.filter(({ check }) => check === name);
  if (found.length !== 1) return `reported ${found.length} times`;
  const saw = found[0]?.saw;
  return isDeepStrictEqual(saw, expected) ? undefined : differs(saw, expected);
}

export function differs(saw: unknown, expected: unknown): string {
  return `saw ${JSON.stringify(saw)} instead of ${JSON.stringify(expected)}`;
}

function readReport(line: string): Report | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isReport = typeof value === 'object' && value !== null && 'check' in value && 'saw' in value;
    return isReport && typeof value.check === 'string' ? { check: value.check, saw: value.saw } : undefined;
  } catch {
    return undefined;
  }
}
