import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
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
  readonly #role: Role;

  constructor(scope: Construct, id: string, props: LoggedFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/sluice/${Stack.of(this).stackName}/${props.name}`,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    (logGroup.node.defaultChild as CfnLogGroup).retentionInDays = props.logRetentionDays;
    this.#role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], logGroup.logGroupArn);
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
      logGroup,
      // The gateway writes JSON lines by itself; in the other format the platform would look into each of them.
      loggingFormat: LoggingFormat.TEXT,
    });
  }

  /** One statement for one resource. */
  allow(actions: readonly string[], resource: string): void {
    this.#role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [resource] }));
  }
}
