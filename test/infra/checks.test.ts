import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CfnResource } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { expect, it } from 'vitest';
import { openStack } from './kit.ts';

const everything = {
  upstreams: {
    time: {
      url: 'https://time.example/mcp',
      headers: {
        'x-api-key': { secret: 'time/key', store: 'secretsmanager' },
        'x-team': { secret: '/teams/search', store: 'ssm' },
      },
    },
  },
  deployment: { memoryMb: 1024, logRetentionDays: 90, reservedConcurrency: 5 },
};

const whole = openStack(everything);
const open = openStack({ ...everything, auth: { mode: 'none', iUnderstandThisIsOpen: true } });
const careless = openStack();

it('cdk-nag finds nothing in the whole stack, and no finding is waved through', () => {
  for (const { app, stack } of [whole, open]) {
    expect(() => app.synth()).not.toThrow();
    const waved = stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata.filter(({ type }) => /acknowledg|nag/i.test(type)));
    expect(waved).toEqual([]);
    const report = JSON.parse(readFileSync(join(app.outdir, 'validation-report.json'), 'utf8')) as object;
    expect(report).toMatchObject({ pluginReports: [] });
  }
});

it('cdk-nag fails the synthesis when a function is given too much', () => {
  const { app, stack } = careless;
  const role = new Role(stack, 'Careless', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  role.addToPolicy(new PolicyStatement({ actions: ['dynamodb:GetItem'], resources: ['*'] }));
  expect(() => app.synth()).toThrow(/AwsSolutions-IAM5/);
});

it('every resource is of a kind that the documentation names', () => {
  const kinds = open.stack.node
    .findAll()
    .flatMap((part) => (CfnResource.isCfnResource(part) ? [part.cfnResourceType] : []));
  expect([...new Set(kinds)].toSorted()).toEqual([
    'AWS::DynamoDB::Table',
    'AWS::Events::Rule',
    'AWS::IAM::Policy',
    'AWS::IAM::Role',
    'AWS::Lambda::EventInvokeConfig',
    'AWS::Lambda::Function',
    'AWS::Lambda::Permission',
    'AWS::Lambda::Url',
    'AWS::Logs::LogGroup',
  ]);
});
