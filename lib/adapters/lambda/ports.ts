import type { Ports } from '../../ports.ts';
import type { ActionLog } from '../../ports/action-log.ts';
import { createDynamoClient } from '../dynamodb/client.ts';
import { createDynamoStores } from '../dynamodb/stores.ts';
import { actionLogFormat, createActionLog } from '../logging/action-log.ts';
import { createLineWriter } from '../logging/line-writer.ts';
import { systemClock } from '../node/clock.ts';
import { createHttpTransport } from '../node/http-transport.ts';
import { cryptoIds } from '../node/ids.ts';
import { executeOnce } from '../powertools/execute-once.ts';
import { measure, type MeasuredLog } from '../powertools/measured-log.ts';
import type { GivenSecrets } from '../secrets/given.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { withSecrets } from '../secrets/transport.ts';
import { createXRayTracer } from '../xray/tracer.ts';
import { VARIABLES } from './names.ts';

/** The ports of the deployed function, and what is to be called at the end of each invocation. */
export interface FunctionPorts extends Ports {
  readonly publishMetrics: MeasuredLog['publish'];
}

/** Throws when a variable that it cannot do without is missing. */
export function createFunctionPorts(variables: NodeJS.ProcessEnv): FunctionPorts {
  const tableName = variables[VARIABLES.table];
  if (!tableName) throw new Error(`The environment variable ${VARIABLES.table} must name the DynamoDB table`);
  const client = createDynamoClient({ endpoint: variables[VARIABLES.dynamodbEndpoint] || undefined });
  const { actionLog, publish } = createLog(variables);
  return {
    clock: systemClock,
    ids: cryptoIds,
    openStores: createDynamoStores({ client, tableName }),
    transport: withSecrets(createHttpTransport({}), () => openSecrets(variables[VARIABLES.secrets], actionLog)),
    executeOnce,
    tracer: createXRayTracer((requestId, error) => actionLog.defect(requestId, error)),
    actionLog,
    publishMetrics: publish,
  };
}

/** Metrics are lines of JSON, and go where such lines go. */
function createLog(variables: NodeJS.ProcessEnv): MeasuredLog {
  const format = actionLogFormat(variables[VARIABLES.log]);
  const write = createLineWriter(Number(variables[VARIABLES.logFd] || 1));
  const actionLog = createActionLog({ format, write, colour: !variables['NO_COLOR'] });
  const service = variables[VARIABLES.service];
  return service && format === 'json'
    ? measure(actionLog, service, write)
    : { actionLog, publish: async () => undefined };
}

/** `given` is JSON. Loaded by the first request that has a secret in it. */
async function openSecrets(given: string | undefined, actionLog: ActionLog): Promise<Secrets> {
  const opening = await import('../secrets/open.ts');
  return opening.openSecrets(JSON.parse(given || '{}') as GivenSecrets, actionLog);
}
