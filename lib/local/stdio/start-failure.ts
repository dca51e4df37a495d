import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { StdioConfig } from '../../config/schema.ts';

/**
 * Why a command could not be started, for who configured it. The system says the same (ENOENT) of a program and of a
 * folder that do not exist. Of what the command was given nothing is repeated but the folder.
 */
export async function describeStartFailure({ command, cwd }: StdioConfig, code: string): Promise<string> {
  if (cwd !== undefined && !(await isFolder(cwd))) {
    return `its command cannot be started (${code}): there is no folder ${resolve(cwd)}, which is its cwd`;
  }
  const hint =
    code === 'ENOENT' && /\s/.test(command.trim())
      ? ': "command" is one program, and its arguments go into "args"'
      : '';
  return `its command cannot be started (${code})${hint}`;
}

/** True for one that cannot be looked at: then the folder is not known to be what is wrong. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}
