import { MAX_NAME_CHARS, type ShownTools } from '../../operator.ts';
import { printable } from './text.ts';

/** What is odd about the tools that a virtual server shows: calls work all the same. One line each. */
export function describeWarnings({ server, lost, tooLong }: Omit<ShownTools, 'tools'>): string[] {
  return [
    ...lost.map(
      ({ upstream, owner, name }) =>
        `virtual server ${server}: upstream ${upstream} does not get ${printable(name)}, which upstream ${owner} has`,
    ),
    ...tooLong.map(
      ({ upstream, name }) =>
        `virtual server ${server}: ${printable(name)} of upstream ${upstream} has ${name.length} characters; ` +
        `some clients take no more than ${MAX_NAME_CHARS}`,
    ),
  ];
}
