import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule as Rate } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

const EVERY = Duration.minutes(1);

/** Calls a function every minute. A call that fails, or comes late, is not made up for: the next one does as well. */
export class EveryMinute extends Construct {
  constructor(scope: Construct, id: string, target: Function) {
    super(scope, id);
    target.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: EVERY });
    new Rule(this, 'Rule', {
      description: 'Keeps lists fresh and ends expired sessions',
      schedule: Rate.rate(EVERY),
      targets: [new LambdaFunction(target, { retryAttempts: 0, maxEventAge: EVERY })],
    });
  }
}
