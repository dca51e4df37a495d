import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CfnResource } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { expect, it } from 'vitest';
import { openStack } from './kit.ts';
import { OPEN, WHOLE } from './samples.ts';

const whole = openStack(WHOLE);
const open = openStack(OPEN);
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
  const kinds = [whole, open]
    .flatMap(({ stack }) => stack.node.findAll())
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
