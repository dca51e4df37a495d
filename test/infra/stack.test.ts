import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { createTableInput } from '../../lib/adapters/dynamodb/table.ts';
import { type Properties, resourceOf, resourcesOf, synthesize, textOf } from './kit.ts';

const FUNCTION = 'AWS::Lambda::Function';
const LOGS = 'AWS::Logs::LogGroup';

const least = synthesize();
const gateway = resourceOf(least, FUNCTION, 'Gateway');

/** What becomes of resources that are removed or replaced. */
function fates(template: Template, type: string): string[] {
  const resources = Object.values(template.findResources(type));
  return resources.map(({ DeletionPolicy, UpdateReplacePolicy }) => `${DeletionPolicy} ${UpdateReplacePolicy}`);
}

describe('the table', () => {
  const table = resourceOf(least, 'AWS::DynamoDB::Table');

  it('has the keys and the index that the stores expect', () => {
    const { TableName: _, ...layout } = createTableInput('any');
    expect(table).toMatchObject(layout);
  });

  it('forgets what has expired', () => {
    expect(table['TimeToLiveSpecification']).toEqual({ AttributeName: 'ttl', Enabled: true });
  });

  it('can be brought back to any point of the last 35 days', () => {
    expect(table['PointInTimeRecoverySpecification']).toEqual({ PointInTimeRecoveryEnabled: true });
  });

  it('goes with the stack', () => {
    expect(fates(least, 'AWS::DynamoDB::Table')).toEqual(['Delete Delete']);
    expect(table).not.toHaveProperty('DeletionProtectionEnabled');
  });
});

describe('the function', () => {
  it('runs on Node 24, on arm64', () => {
    expect(gateway).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], Handler: 'mcp.handler' });
  });

  it('has 512 MB of memory when nothing is said', () => {
    expect(gateway).toMatchObject({ MemorySize: 512 });
  });

  it('has the memory that the configuration gives it', () => {
    const template = synthesize({ deployment: { memoryMb: 1024 } });
    expect(resourceOf(template, FUNCTION, 'Gateway')).toMatchObject({ MemorySize: 1024 });
  });

  it('takes 5 s longer than the usual call', () => {
    expect(gateway).toMatchObject({ Timeout: 60 });
  });

  it('takes 5 s longer than the longest call of any tool, rounded up', () => {
    const time = { url: 'https://time.example/mcp', tools: { report: { timeoutMs: 120_001 } } };
    const template = synthesize({ upstreams: { time } });
    expect(resourceOf(template, FUNCTION, 'Gateway')).toMatchObject({ Timeout: 126 });
  });

  it('takes 900 s at most', () => {
    const time = { url: 'https://time.example/mcp', tools: { report: { timeoutMs: 895_000 } } };
    const template = synthesize({ upstreams: { time } });
    expect(resourceOf(template, FUNCTION, 'Gateway')).toMatchObject({ Timeout: 900 });
  });

  it('is told its table and the name that its metrics have, and nothing else', () => {
    expect(gateway['Environment']).toEqual({
      Variables: { SLUICE_TABLE: { Ref: expect.stringMatching(/^StateTable/) }, SLUICE_SERVICE: 'Sluice' },
    });
  });

  it('shares the concurrency of the account when nothing is said', () => {
    expect(gateway).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it('has the concurrency that the configuration reserves', () => {
    const template = synthesize({ deployment: { reservedConcurrency: 20 } });
    expect(resourceOf(template, FUNCTION, 'Gateway')).toMatchObject({ ReservedConcurrentExecutions: 20 });
    expect(resourceOf(template, FUNCTION, 'Housekeeper')).not.toHaveProperty('ReservedConcurrentExecutions');
  });
});

describe('the logs', () => {
  const retentions = (template: Template) =>
    [...resourcesOf(template, LOGS).values()].map(({ RetentionInDays }) => RetentionInDays);

  it('have a group for each function, which writes lines as they are', () => {
    const groups = [...resourcesOf(least, FUNCTION).values()].map(({ LoggingConfig }) => LoggingConfig);
    expect(groups).toEqual([
      { LogFormat: 'Text', LogGroup: { Ref: expect.stringMatching(/^GatewayLogs/) } },
      { LogFormat: 'Text', LogGroup: { Ref: expect.stringMatching(/^HousekeeperLogs/) } },
    ]);
  });

  it('are kept for 30 days when nothing is said', () => {
    expect(retentions(least)).toEqual([30, 30]);
  });

  it('are kept for as long as the configuration says', () => {
    expect(retentions(synthesize({ deployment: { logRetentionDays: 7 } }))).toEqual([7, 7]);
  });

  it('are found under the name of the stack, and go with it', () => {
    expect([...resourcesOf(least, LOGS).values()].map(({ LogGroupName }) => LogGroupName)).toEqual([
      '/sluice/Sluice/mcp',
      '/sluice/Sluice/refresh',
    ]);
    expect(fates(least, LOGS)).toEqual(['Delete Delete', 'Delete Delete']);
  });
});

describe('housekeeping', () => {
  const off = synthesize({ refresh: 'off' });

  const rule = resourceOf(least, 'AWS::Events::Rule');
  const [target] = rule['Targets'] as readonly Properties[];

  it('runs every minute', () => {
    expect(rule).toMatchObject({ ScheduleExpression: 'rate(1 minute)', State: 'ENABLED' });
    expect(textOf(target!['Arn'])).toMatch(/^\{HousekeeperFunction\w+\.Arn\}$/);
  });

  it('ends before it begins again', () => {
    expect(resourceOf(least, FUNCTION, 'Housekeeper')).toMatchObject({ Handler: 'refresh.handler', Timeout: 60 });
  });

  it('is not made up for when it fails or comes late, neither by the schedule nor by Lambda', () => {
    const once = { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 };
    expect(target).toMatchObject({ RetryPolicy: once });
    expect(resourceOf(least, 'AWS::Lambda::EventInvokeConfig')).toMatchObject(once);
  });

  it('can be called by its schedule only', () => {
    const permissions = [...resourcesOf(least, 'AWS::Lambda::Permission').values()];
    expect(permissions.map(({ Principal, SourceArn }) => [Principal, textOf(SourceArn)])).toEqual([
      ['events.amazonaws.com', expect.stringMatching(/^\{ScheduleRule\w+\.Arn\}$/)],
    ]);
  });

  it('leaves nothing in the stack when it is off', () => {
    const count = (type: string) => resourcesOf(off, type).size;
    expect([FUNCTION, LOGS, 'AWS::IAM::Role', 'AWS::Events::Rule'].map(count)).toEqual([1, 1, 1, 0]);
  });
});

describe('the stack', () => {
  it('is for no account and no region in particular', () => {
    expect(JSON.stringify(least.toJSON())).not.toMatch(/\b\d{12}\b|[a-z]{2}-[a-z]+-\d\b/);
  });

  it('has its name on everything that can be tagged', () => {
    const template = synthesize({}, 'Other');
    const types = ['AWS::DynamoDB::Table', FUNCTION, LOGS, 'AWS::IAM::Role', 'AWS::Events::Rule'];
    const tagged = types.flatMap((type) => [...resourcesOf(template, type).values()]);
    expect(tagged).toHaveLength(8);
    for (const { Tags } of tagged) expect(Tags).toEqual([{ Key: 'sluice:gateway', Value: 'Other' }]);
  });

  it('shares no name with a second one in the same account', () => {
    const names = (template: Template) =>
      Object.values(template.toJSON()['Resources'] as Record<string, { Properties?: object }>).flatMap(
        ({ Properties }) =>
          Object.entries(Properties ?? {}).flatMap(([key, value]) =>
            /^(?:LogGroup|Table|Role|Function|Rule)?Name$/.test(key) && typeof value === 'string' ? [value] : [],
          ),
      );
    const other = new Set(names(synthesize({}, 'Other')));
    const queries = resourcesOf(least, 'AWS::Logs::QueryDefinition').size;
    expect(other.size).toBe(2 + queries);
    expect(names(least).filter((name) => other.has(name))).toEqual([]);
  });
});
