import { Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { Alarms } from './alarms.ts';
import { Dashboard } from './dashboard.ts';
import type { LoggedFunction } from './logged-function.ts';
import { Series } from './series.ts';

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

/** The dashboard and the alarms, both over what the functions of this stack write under its name. */
export class Monitoring extends Construct {
  constructor(scope: Construct, id: string, monitored: Monitored) {
    super(scope, id);
    const series = new Series(Stack.of(this).stackName);
    new Dashboard(this, 'Dashboard', series, monitored);
    new Alarms(this, 'Alarms', series, monitored);
  }
}
