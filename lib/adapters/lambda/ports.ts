import type { ActionLog, Ports } from '../../ports.ts';
import { createDynamoClient } from '../dynamodb/client.ts';
import { createDynamoStores } from '../dynamodb/stores.ts';
import { actionLogFormat, createActionLog } from '../logging/action-log.ts';
import { createLineWriter } from '../logging/line-writer.ts';
import { systemClock } from '../node/clock.ts';
import { createHttpTransport } from '../node/http-transport.ts';
import { cryptoIds } from '../node/ids.ts';
import { executeOnce } from '../powertools/execute-once.ts';
import type { GivenSecrets } from '../secrets/given.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { withSecrets } from '../secrets/transport.ts';
import { createXRayTracer } from '../xray/tracer.ts';
import { VARIABLES } from './names.ts';

/** The ports of the deployed function. Throws when a variable that it cannot do without is missing. */
export function createFunctionPorts(variables: NodeJS.ProcessEnv): Ports {
  const tableName = variables[VARIABLES.table];
  if (!tableName) throw new Error(`The environment variable ${VARIABLES.table} must name the DynamoDB table`);
  const client = createDynamoClient({ endpoint: variables[VARIABLES.dynamodbEndpoint] || undefined });
  const actionLog = createActionLog({
    format: actionLogFormat(variables[VARIABLES.log]),
    write: createLineWriter(Number(variables[VARIABLES.logFd] || 1)),
    colour: !variables['NO_COLOR'],
  });
  return {
    clock: systemClock,
    ids: cryptoIds,
    openStores: createDynamoStores({ client, tableName }),
    transport: withSecrets(createHttpTransport({}), () => openSecrets(variables[VARIABLES.secrets], actionLog)),
    executeOnce,
    tracer: createXRayTracer((requestId, error) => actionLog.defect(requestId, error)),
    actionLog,
  };
}

/** `given` is JSON. Loaded by the first request that has a secret in it. */
async function openSecrets(given: string | undefined, actionLog: ActionLog): Promise<Secrets> {
  const opening = await import('../secrets/open.ts');
  return opening.openSecrets(JSON.parse(given || '{}') as GivenSecrets, actionLog);
}
