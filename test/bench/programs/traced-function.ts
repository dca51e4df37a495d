/** The built function in emulated environments, of which every call is traced unless it says otherwise. */
import { openSync } from 'node:fs';
import { HANDLER_EXPORT, VARIABLES } from '../../../lib/adapters/lambda/names.ts';
import { startEmulator } from '../../../lib/local/emulator/emulator.ts';
import { cpuCounts } from './cpu.ts';
import { listen, runProgram } from './program.ts';

interface Data {
  /** Path of the built function. */
  readonly handlerFile: string;
  readonly dynamodb: { readonly endpoint: string; readonly tableName: string };
  /** As `AWS_XRAY_DAEMON_ADDRESS` has it. */
  readonly xrayDaemon: string;
}

/** More than there are callers, because an environment is busy for a moment after its answer. */
const ENVIRONMENTS = 14;

const TIMEOUT_MS = 60_000;

await runProgram(async (given) => {
  const { handlerFile, dynamodb, xrayDaemon } = given as Data;
  const emulator = await startEmulator({
    handlerFile,
    handlerExport: HANDLER_EXPORT,
    variables: {
      [VARIABLES.table]: dynamodb.tableName,
      [VARIABLES.dynamodbEndpoint]: dynamodb.endpoint,
      [VARIABLES.logFd]: String(openSync('/dev/null', 'w')),
    },
    limit: ENVIRONMENTS,
    affinity: false,
    isSigned: false,
    timeoutMs: TIMEOUT_MS,
    xrayDaemon,
    report: (line) => console.error(line),
  });
  const origin = await listen((request, response) => emulator.handle(request, response));
  return { origin, counts: cpuCounts };
});
