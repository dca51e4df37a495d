/** The operator's command, from its arguments to its exit status. */
import { StoreError } from '../../ports/stores.ts';
import { ConfigurationError } from '../configuration.ts';
import { check } from './check.ts';
import { parseCommand, USAGE, type Command } from './options.ts';
import type { Output } from './output.ts';
import { OperatorError, type Surroundings } from './place.ts';
import { endSession, listSessions } from './sessions.ts';
import { printable } from './text.ts';
import { showTrace } from './trace.ts';
import { acceptTools, diffTools, listTools } from './tools.ts';

/** 0; 1 when something is wrong; 2 when the arguments are. Rejects with what nobody expected. */
export async function runCommand(args: readonly string[], surroundings: Surroundings, output: Output): Promise<number> {
  const parsed = parseCommand(args);
  if (parsed.kind === 'help') {
    output.print(USAGE);
    return 0;
  }
  if (parsed.kind === 'wrong') {
    // The reason comes last, where it is still seen above the next prompt.
    output.complain(`${USAGE}\n\n${parsed.problem}`);
    return 2;
  }
  try {
    return await run(parsed.command, surroundings, output);
  } catch (error) {
    const words = explain(error);
    if (words === undefined) throw error;
    output.complain(words);
    return 1;
  }
}

function run(command: Command, surroundings: Surroundings, output: Output): Promise<number> {
  switch (command.kind) {
    case 'check':
      return check(command, surroundings, output);
    case 'list-tools':
      return listTools(command, surroundings, output);
    case 'diff-tools':
      return diffTools(command, surroundings, output);
    case 'accept-tools':
      return acceptTools(command, surroundings, output);
    case 'list-sessions':
      return listSessions(command, surroundings, output);
    case 'end-session':
      return endSession(command, surroundings, output);
    case 'trace':
      return showTrace(command, surroundings, output);
  }
}

/** What to say of an error that the operator can mend; undefined for any other. */
function explain(error: unknown): string | undefined {
  if (error instanceof ConfigurationError || error instanceof OperatorError) return error.message;
  if (!(error instanceof StoreError)) return undefined;
  const { cause } = error;
  const why = cause instanceof Error && cause.message !== '' ? ` (${printable(cause.message)})` : '';
  return `The state cannot be had: ${error.message}${why}`;
}
