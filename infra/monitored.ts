import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { LoggedFunction } from './logged-function.ts';

/** What is drawn and watched. */
export interface Monitored {
  readonly gateway: LoggedFunction;
  /** Undefined when there is no schedule. */
  readonly housekeeper: LoggedFunction | undefined;
  readonly table: Table;
  /** Of the gateway's function. */
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** The SNS topic that hears of alarms. */
  readonly alarmTopicArn: string | undefined;
}
