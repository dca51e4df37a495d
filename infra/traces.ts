import { Names } from 'aws-cdk-lib';
import { CfnSamplingRule } from 'aws-cdk-lib/aws-xray';
import { Construct } from 'constructs';
import type { TracingConfig } from '../lib/config/schema.ts';
import type { LoggedFunction } from './logged-function.ts';

/** Before X-Ray's own default, which is 10000, and after whatever the account has decided with some care. */
const PRIORITY = 5000;
const MOST_NAME_CHARS = 32;

/**
 * Which requests are traced. Lambda asks X-Ray for each request that comes without a decision of its caller. Whether it
 * then goes by a rule of one's own is documented both ways (docs/operations.md, "Traces"), so the rule is for this
 * function, whatever else is known of who asks. Housekeeping, of which every run would be traced, is not.
 */
export class Traces extends Construct {
  constructor(scope: Construct, id: string, target: LoggedFunction, tracing: Exclude<TracingConfig, 'off'>) {
    super(scope, id);
    target.trace();
    new CfnSamplingRule(this, 'Rule', {
      samplingRule: {
        ruleName: Names.uniqueResourceName(this, { maxLength: MOST_NAME_CHARS }),
        priority: PRIORITY,
        reservoirSize: tracing.perSecond,
        fixedRate: tracing.rate,
        serviceName: target.function.functionName,
        serviceType: '*',
        host: '*',
        httpMethod: '*',
        urlPath: '*',
        resourceArn: '*',
        version: 1,
      },
    });
  }
}
