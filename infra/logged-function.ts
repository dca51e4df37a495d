import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type CfnFunction, Code, Function, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { type CfnLogGroup, LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { HANDLER_EXPORT } from '../lib/adapters/lambda/names.ts';

export interface LoggedFunctionProps {
  /** Name of its module, and of its log group within those of the stack. */
  readonly name: string;
  readonly description: string;
  /** The folder with the module. */
  readonly code: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly logRetentionDays: number;
  readonly reservedConcurrency?: number | undefined;
  readonly variables: Readonly<Record<string, string>>;
}

/** A function of the gateway with a role and a log group of its own. It may write there, and nothing else yet. */
export class LoggedFunction extends Construct {
  readonly function: Function;
  readonly logGroup: LogGroup;
  readonly #role: Role;

  constructor(scope: Construct, id: string, props: LoggedFunctionProps) {
    super(scope, id);
    this.logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/sluice/${Stack.of(this).stackName}/${props.name}`,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    (this.logGroup.node.defaultChild as CfnLogGroup).retentionInDays = props.logRetentionDays;
    this.#role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], this.logGroup.logGroupArn);
    this.function = new Function(this, 'Function', {
      description: props.description,
      code: Code.fromAsset(props.code),
      handler: `${props.name}.${HANDLER_EXPORT}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: props.memoryMb,
      timeout: Duration.seconds(props.timeoutSeconds),
      ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
      environment: { ...props.variables },
      role: this.#role,
      logGroup: this.logGroup,
      // The gateway writes JSON lines by itself; in the other format the platform would look into each of them.
      loggingFormat: LoggingFormat.TEXT,
    });
  }

  /** One statement for one resource. */
  allow(actions: readonly string[], resource: string): void {
    this.#role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [resource] }));
  }

  /**
   * Has invocations traced. Whoever writes to X-Ray cannot be told where: it has no resources for that (Service
   * Authorization Reference, "AWS X-Ray"), and Lambda does not take a role that may not. So this is the only grant for
   * `*`, in a policy that holds nothing else, and what is found about it is acknowledged there alone.
   */
  trace(): void {
    const policy = new Policy(this, 'Traces', {
      roles: [this.#role],
      statements: [
        new PolicyStatement({ actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], resources: ['*'] }),
      ],
    });
    Validations.of(policy).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'X-Ray has no resources that a grant for writing traces could name',
    });
    (this.function.node.defaultChild as CfnFunction).tracingConfig = { mode: 'Active' };
    // Lambda looks at the role when it is told to trace.
    this.function.node.addDependency(policy);
  }
}
