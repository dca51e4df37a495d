/** The figures of a run as a document; docs/performance.md is one. */
import { aimSection, type Aim } from './aim.ts';
import { documentSection, wrap, type Section } from './sheet.ts';

export interface Run {
  /** The processor, its cores, and what ran on it. */
  readonly machine: string;
  /** When the run began, as an ISO date. */
  readonly date: string;
  readonly command: string;
  /** What was measured, and what else took part, a paragraph each. */
  readonly words: readonly string[];
  readonly aims: readonly Aim[];
  readonly sections: readonly Section[];
}

/** Markdown. */
export function performanceDocument({ machine, date, command, words, aims, sections }: Run): string {
  const parts = [
    '# Performance',
    wrap(
      `Measured on ${date} by \`${command}\`, which wrote this page; whoever runs it gets a page of their own figures.`,
    ),
    wrap(`Machine: ${machine}.`),
    ...words.map(wrap),
    ...[aimSection(aims), ...sections].map(documentSection),
  ];
  return `${parts.join('\n\n')}\n`;
}
