import { Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Alarms } from './alarms.ts';
import { Dashboard } from './dashboard.ts';
import type { Monitored } from './monitored.ts';
import { Series } from './series.ts';

/** The dashboard and the alarms, both over what the functions of this stack write under its name. */
export class Monitoring extends Construct {
  constructor(scope: Construct, id: string, monitored: Monitored) {
    super(scope, id);
    const series = new Series(Stack.of(this).stackName);
    new Dashboard(this, 'Dashboard', series, monitored);
    new Alarms(this, 'Alarms', series, monitored);
  }
}
