/** What is different in a tool's definition, for people to judge: nothing in it is cut, and nothing stays invisible. */
import { visibleJson } from './text.ts';

interface DiffLine {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/** Lines that are the same are shown this far around those that are not. */
const CONTEXT = 2;

/** Comparing takes memory of the product of both lengths; beyond that, everything counts as different. */
const MOST_CELLS = 4_000_000;

/** `accepted` and `found` are JSON texts. One line each, behind a space, `-` or `+`. */
export function diffDefinitions(accepted: string, found: string): string[] {
  const lines = compare(linesOf(accepted), linesOf(found));
  const isNear = lines.map((_, at) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ mark }) => mark !== ' '),
  );
  return lines.flatMap(({ mark, text }, at) => {
    if (isNear[at]) return [`${mark} ${text}`];
    return at === 0 || isNear[at - 1] ? ['  ...'] : [];
  });
}

/** Pretty-printed, and with a new line after each line break within a text. */
function linesOf(definition: string): string[] {
  return visibleJson(JSON.parse(definition))
    .split('\n')
    .flatMap((line) => {
      const indent = /^ */.exec(line)![0];
      return line
        .replace(/\\(.)/g, (escape, character) => (character === 'n' ? `${escape}\n${indent}    ` : escape))
        .split('\n');
    });
}

/** By the longest common sequence of lines. */
function compare(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  return [
    ...marked(' ', before.slice(0, start)),
    ...compareMiddle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...marked(' ', before.slice(before.length - end)),
  ];
}

function compareMiddle(before: readonly string[], after: readonly string[]): DiffLine[] {
  if (before.length * after.length > MOST_CELLS) return [...marked('-', before), ...marked('+', after)];
  const width = after.length + 1;
  // How many lines the rests from here on have in common.
  const common = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      common[i * width + j] =
        before[i] === after[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) {
      lines.push({ mark: ' ', text: before[i]! });
      i += 1;
      j += 1;
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) {
      lines.push({ mark: '-', text: before[i]! });
      i += 1;
    } else {
      lines.push({ mark: '+', text: after[j]! });
      j += 1;
    }
  }
  return [...lines, ...marked('-', before.slice(i)), ...marked('+', after.slice(j))];
}

function marked(mark: DiffLine['mark'], texts: readonly string[]): DiffLine[] {
  return texts.map((text) => ({ mark, text }));
}
