import type { Node } from 'constructs';
import { SynthError } from './synth-error.ts';

/** What the command line of the CDK may say with `-c NAME=VALUE`. */
export interface Options {
  /** The configuration file, from the folder that the CDK is run in. */
  readonly configFile: string;
  readonly stackName: string;
}

const USUAL_FILE = 'gateway.config.json';
const USUAL_STACK = 'Sluice';

/** As CloudFormation has it, but shorter: names of log groups and policies are made of it. */
const STACK_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;

/** Reads the context of the app. Throws a `SynthError`. */
export function readOptions(context: Pick<Node, 'tryGetContext'>): Options {
  const configFile = readText(context, 'config', USUAL_FILE);
  const stackName = readText(context, 'stack', USUAL_STACK);
  if (STACK_NAME.test(stackName)) return { configFile, stackName };
  throw new SynthError(
    '-c stack=NAME: expected the name of a stack: a letter, and then up to 63 letters, digits and hyphens',
  );
}

function readText(context: Pick<Node, 'tryGetContext'>, name: string, usual: string): string {
  const value: unknown = context.tryGetContext(name) ?? usual;
  if (typeof value === 'string' && value !== '') return value;
  throw new SynthError(`-c ${name}=...: expected a text that is not empty`);
}
