/** `sluice tools`: what clients see, and what is held back from them until the operator accepts it. */
import type { HeldTool, ShownTools } from '../../operator.ts';
import { hostStdioUpstreams } from '../stdio/host.ts';
import { diffDefinitions } from './definition-diff.ts';
import { operate } from './operate.ts';
import { placeArguments, type Command, type PlaceOptions, type ToolChoice } from './options.ts';
import type { Output } from './output.ts';
import { findPlace, findUpstreams, OperatorError, type Surroundings } from './place.ts';
import { count, printable, shellWord, table } from './text.ts';

type ListCommand = Extract<Command, { kind: 'list-tools' }>;
type DiffCommand = Extract<Command, { kind: 'diff-tools' }>;
type AcceptCommand = Extract<Command, { kind: 'accept-tools' }>;

const MOST_NAME_CHARS = 100;
const MOST_DESCRIPTION_CHARS = 80;

/** What no shell and no parser of options takes for anything else. */
const PLAIN_NAME = /^\w[\w./-]{0,199}$/;

/** Asks the upstreams. Status 1 when one of them is missing in the list. */
export async function listTools(command: ListCommand, surroundings: Surroundings, output: Output): Promise<number> {
  const { config, openStores, hasState, remarks } = await findUpstreams(command.place, surroundings);
  const { variables } = surroundings;
  const servers = Object.keys(config.servers);
  if (command.server !== undefined && !servers.includes(command.server)) {
    throw new OperatorError(`There is no virtual server ${printable(command.server)}; there is ${servers.join(', ')}`);
  }
  for (const remark of remarks) output.complain(remark);
  const host = await hostStdioUpstreams(config, { report: output.complain, onStderr: () => undefined });
  try {
    return await operate({ config: host.config, openStores, variables }, async (operator) => {
      const surveys = await operator.survey();
      const known = hasState ? [...(await operator.heldTools()), ...(await operator.heldNow(surveys))] : [];
      const held = new Set(known.map(keyOf));
      const shown = operator
        .toolsOf(surveys)
        .filter(({ server }) => command.server === undefined || server === command.server);
      output.print(shown.map((one) => describeServer(one, held).join('\n')).join('\n\n'));
      const troubles = surveys.flatMap(({ upstream, troubles: own }) =>
        own.map((trouble) => `upstream ${upstream.name}: ${printable(trouble)}`),
      );
      for (const trouble of troubles) output.complain(trouble);
      return troubles.length === 0 ? 0 : 1;
    });
  } finally {
    await host.close();
  }
}

function describeServer({ server, tools }: ShownTools, held: ReadonlySet<string>): string[] {
  const rows = tools.map((tool) => {
    const note = held.has(keyOf(tool)) ? '(held back) ' : '';
    const [firstLine = ''] = (tool.description ?? '').trimStart().split(/[\r\n]/, 1);
    return [printable(tool.name, MOST_NAME_CHARS), tool.upstream, note + printable(firstLine, MOST_DESCRIPTION_CHARS)];
  });
  const heading = `virtual server ${server}: ${count(tools.length, 'tool')}`;
  return rows.length === 0 ? [heading] : [heading, ...table([['TOOL', 'UPSTREAM', 'DESCRIPTION'], ...rows])];
}

function keyOf({ upstream, name }: { readonly upstream: string; readonly name: string }): string {
  return `${upstream} ${name}`;
}

export async function diffTools({ place }: DiffCommand, surroundings: Surroundings, output: Output): Promise<number> {
  const { config, openStores, remarks } = await findPlace(place, surroundings);
  const { variables } = surroundings;
  for (const remark of remarks) output.complain(remark);
  return await operate({ config, openStores, variables }, async (operator) => {
    const held = await operator.heldTools();
    if (held.length === 0) output.print('No tool is held back');
    else output.print(held.map((tool) => describeWithCommand(tool, place)).join('\n\n'));
    return 0;
  });
}

function describeHeld({ name, upstream, revision, accepted, found }: HeldTool): string {
  return [
    `${printable(name)} of upstream ${upstream}, in revision ${printable(revision)}`,
    '--- accepted',
    '+++ found',
    ...diffDefinitions(accepted, found),
  ].join('\n');
}

/** With the command that accepts this definition and no other. */
function describeWithCommand(tool: HeldTool, place: PlaceOptions): string {
  const { name, digest } = tool;
  // A digest says enough alone: words of an upstream that a shell could read in its own way do not get into a command.
  const choice = { name: PLAIN_NAME.test(name) ? name : undefined, digest };
  const words = ['tools', 'accept', describeChoice(choice), ...placeArguments(place)];
  return `${describeHeld(tool)}\nto accept it: npm run sluice -- ${words.map(shellWord).join(' ')}`;
}

function describeChoice({ name = '', digest }: ToolChoice): string {
  return digest === undefined ? name : `${name}@${digest}`;
}

/** All of the tools that are chosen, or none. What is accepted without its digest is shown. */
export async function acceptTools(command: AcceptCommand, surroundings: Surroundings, output: Output): Promise<number> {
  const { choices, place } = command;
  const { config, openStores, remarks } = await findPlace(place, surroundings);
  const { variables } = surroundings;
  for (const remark of remarks) output.complain(remark);
  return await operate({ config, openStores, variables }, async (operator) => {
    const held = await operator.heldTools();
    if (choices !== 'all') expectHeld(choices, held, place);
    if (held.length === 0) {
      output.print('No tool is held back');
      return 0;
    }
    const chosen = held.filter((tool) => choices === 'all' || choices.some((choice) => isChosen(tool, choice)));
    const looked = new Set(choices === 'all' ? [] : choices.map(({ digest }) => digest));
    for (const tool of chosen) if (!looked.has(tool.digest)) output.print(`${describeHeld(tool)}\n`);
    if (!(await operator.accept(chosen))) {
      throw new OperatorError('Somebody else is accepting tools at the same time; try again');
    }
    for (const { name, upstream, revision } of chosen) {
      output.print(`accepted ${printable(name)} of upstream ${upstream}, in revision ${printable(revision)}`);
    }
    return 0;
  });
}

function isChosen(tool: HeldTool, { name, digest }: ToolChoice): boolean {
  return (name === undefined || tool.name === name) && (digest === undefined || tool.digest === digest);
}

function expectHeld(choices: readonly ToolChoice[], held: readonly HeldTool[], place: PlaceOptions): void {
  const missing = choices.filter((choice) => !held.some((tool) => isChosen(tool, choice)));
  const namesakesOf = ({ name }: ToolChoice) => held.filter((tool) => name === undefined || tool.name === name);
  const strange = missing.filter((choice) => namesakesOf(choice).length === 0);
  if (strange.length > 0) throw notHeld(strange, held);
  if (missing.length === 0) return;
  const namesakes = new Set(missing.flatMap(namesakesOf));
  throw new OperatorError(
    `Nothing was accepted, because no longer found so: ${printableList(missing.map(describeChoice))}. Found now:\n\n` +
      [...namesakes].map((tool) => describeWithCommand(tool, place)).join('\n\n'),
  );
}

function notHeld(choices: readonly ToolChoice[], held: readonly HeldTool[]): OperatorError {
  const heldNames = [...new Set(held.map(({ name }) => name))];
  const listed = heldNames.length === 0 ? 'no tool is' : printableList(heldNames);
  return new OperatorError(
    `Nothing was accepted, because not held back: ${printableList(choices.map(describeChoice))}. Held back: ${listed}`,
  );
}

function printableList(texts: readonly string[]): string {
  return texts.map((text) => printable(text)).join(', ');
}
