/** Names that the function shares with whoever deploys or emulates it: its environment variables and its files. */

export const VARIABLES = {
  /** Name of the DynamoDB table. */
  table: 'SLUICE_TABLE',
  /** Another DynamoDB than the region's own. */
  dynamodbEndpoint: 'SLUICE_DYNAMODB_ENDPOINT',
  /** Values in place of what is in the secret stores, which are then not asked: see `lib/adapters/secrets/given.ts`. */
  secrets: 'SLUICE_SECRETS',
  /** `json` (the default), `pretty` or `errors`. */
  log: 'SLUICE_LOG',
  /** The file descriptor that log lines are written to; 1 when it is not set. */
  logFd: 'SLUICE_LOG_FD',
  /** The value of the dimension `service` of every metric; when it is not set, there are no metrics. */
  service: 'SLUICE_SERVICE',
} as const;

/** The export of every function's module. */
export const HANDLER_EXPORT = 'handler';

/** The resolved configuration, beside the handler. */
export const CONFIG_FILE = 'config.json';

/**
 * Where CloudWatch has the metrics of gateways. Every metric is told by service; what concerns one upstream is told by
 * service and upstream as well. Types, here and below, so that a cold start does not read them.
 */
export type MetricNamespace = 'Sluice';
export type MetricDimension = 'service' | 'upstream';

/** The metrics, whose meanings are in docs/operations.md. */
export type MetricName =
  | 'GatewayMs'
  | 'UpstreamMs'
  | 'DynamodbRequests'
  | 'ColdStarts'
  | 'GatewayErrors'
  | 'Defects'
  | 'UpstreamErrors'
  | 'ToolErrors'
  | 'ClientErrors'
  | 'Cancelled'
  | 'Timeouts'
  | 'Retries'
  | 'Replays'
  | 'UnknownOutcomes'
  | 'BreakerOpen'
  | 'ToolsHeld';
