import { Alarm, ComparisonOperator, MathExpression, TreatMissingData, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Monitored } from './monitored.ts';
import { PERIOD, throttlesOf, type Series } from './series.ts';

/** What is done after an answer ends 100 ms before the invocation; what is nearer to its end than this has not ended by itself. */
const NEAR_TIMEOUT_MS = 50;

interface Watch {
  readonly metric: IMetric;
  /** What has happened, and what to do about it. More is in docs/operations.md. */
  readonly description: string;
  /** It is too much from here on; 1 unless given. */
  readonly threshold?: number;
  /** Periods of five minutes in a row; 1 unless given. */
  readonly periods?: number;
}

/** What needs a human. In an account without anybody to be told, they are in the console. */
export class Alarms extends Construct {
  constructor(scope: Construct, id: string, series: Series, monitored: Monitored) {
    super(scope, id);
    const { alarmTopicArn } = monitored;
    const action =
      alarmTopicArn === undefined ? undefined : new SnsAction(Topic.fromTopicArn(this, 'Topic', alarmTopicArn));
    for (const [name, watch] of Object.entries({ ...ofGateway(series), ...ofPlatform(monitored) })) {
      const alarm = new Alarm(this, name, {
        alarmDescription: watch.description,
        metric: watch.metric,
        threshold: watch.threshold ?? 1,
        evaluationPeriods: watch.periods ?? 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        // Nothing is written where nothing has happened.
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
      if (action !== undefined) alarm.addAlarmAction(action);
    }
  }
}

function ofGateway(series: Series): Readonly<Record<string, Watch>> {
  return {
    GatewayErrors: {
      // A call that fails by a defect is in both.
      metric: new MathExpression({
        expression: 'MAX([FILL(errors, 0), FILL(defects, 0)])',
        usingMetrics: { errors: series.of('GatewayErrors', 'Sum'), defects: series.of('Defects', 'Sum') },
        label: 'gateway errors or defects',
        period: PERIOD,
      }),
      description:
        'The gateway itself has failed, in a call or beside one: its store did not answer, a secret could not be read, a ' +
        'request came past the signature, or the program has a defect. Look at errorKind and defect in the log.',
    },
    UnknownOutcomes: {
      metric: series.of('UnknownOutcomes', 'Sum'),
      description:
        'Calls with an idempotency key may have run, and nobody knows how they ended. They are executed again only where ' +
        "the tool allows it: ask the upstream's own records, by tool and time from the log, which has a notice of each.",
    },
    BreakerStaysOpen: {
      metric: series.of('BreakerOpen', 'Maximum'),
      periods: 3,
      description:
        'An upstream has been left alone for 15 minutes because it fails. Whoever runs it has to look; the dashboard says ' +
        'which one it is.',
    },
    ToolsHeld: {
      metric: series.of('ToolsHeld', 'Sum'),
      description:
        'A pinned tool is no longer what was accepted, and is held back. Look at the difference (sluice tools diff), and ' +
        'accept it or ask whoever runs the upstream.',
    },
  };
}

function ofPlatform({ gateway, housekeeper, table, timeoutSeconds }: Monitored): Readonly<Record<string, Watch>> {
  return {
    FunctionErrors: {
      metric: gateway.function.metricErrors({ period: PERIOD }),
      description:
        'Invocations of the gateway failed: an environment was ended by force, or an answer broke off. Look for "Task ' +
        'timed out" and for defect in the log.',
    },
    Throttles: {
      metric: gateway.function.metricThrottles({ period: PERIOD }),
      description:
        'Requests were refused because there was no environment for them. Raise the concurrency of the account or of the ' +
        'function, or look for clients that hold streams open.',
    },
    NearTimeout: {
      metric: gateway.function.metricDuration({ statistic: 'Maximum', period: PERIOD }),
      threshold: timeoutSeconds * 1000 - NEAR_TIMEOUT_MS,
      description:
        'An invocation took as long as the function may. Calls end a second before, and what is done after them 100 ms ' +
        'before, so something else held it: a client that does not read, an upstream that is slow to let go of a session ' +
        'or a call, or a defect. Look at the last lines of that environment in the log.',
    },
    TableThrottles: {
      metric: new MathExpression({
        // A sum of what has no data has none either, and each of them seldom has.
        expression: 'FILL(reads, 0) + FILL(writes, 0) + FILL(indexReads, 0) + FILL(indexWrites, 0)',
        usingMetrics: throttlesOf(table),
        label: 'throttled requests',
        period: PERIOD,
      }),
      description:
        'DynamoDB refused requests for being too many. Clients see error 1030. Set warm throughput on the table, or find ' +
        'the key that all of them go to.',
    },
    ...(housekeeper !== undefined && {
      HousekeepingFails: {
        metric: housekeeper.function.metricErrors({ period: PERIOD }),
        periods: 3,
        description:
          'Housekeeping has failed for 15 minutes. Lists grow old and expired sessions stay open at upstreams; calls are ' +
          'not concerned. Its own log has the defect.',
      },
    }),
  };
}
