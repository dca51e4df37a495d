import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CfnResource, type Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { expect, it } from 'vitest';
import { openStack } from './kit.ts';
import { OPEN, WHOLE } from './samples.ts';

const whole = openStack(WHOLE);
const open = openStack(OPEN);
const careless = openStack();

/** What is acknowledged although it goes against a rule: where, and which. */
function waved(stack: Stack): { readonly where: string; readonly what: unknown }[] {
  return stack.node
    .findAll()
    .flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => /acknowledg|nag/i.test(type))
        .map(({ data }) => ({ where: node.path, what: Object.keys(data as object) })),
    );
}

it('cdk-nag finds nothing in the whole stack', () => {
  for (const { app } of [whole, open]) {
    expect(() => app.synth()).not.toThrow();
    const report = JSON.parse(readFileSync(join(app.outdir, 'validation-report.json'), 'utf8')) as object;
    expect(report).toMatchObject({ pluginReports: [] });
  }
});

it('one finding is waved through: that whoever writes traces cannot be told where', () => {
  expect(waved(whole.stack)).toEqual([
    { where: 'Sluice/Gateway/Traces', what: ['Annotation::AwsSolutions-IAM5[Resource::*]'] },
  ]);
});

it('no finding is waved through where nothing is traced', () => {
  expect(waved(open.stack)).toEqual([]);
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
    'AWS::CloudWatch::Alarm',
    'AWS::CloudWatch::Dashboard',
    'AWS::DynamoDB::Table',
    'AWS::Events::Rule',
    'AWS::IAM::Policy',
    'AWS::IAM::Role',
    'AWS::Lambda::EventInvokeConfig',
    'AWS::Lambda::Function',
    'AWS::Lambda::Permission',
    'AWS::Lambda::Url',
    'AWS::Logs::LogGroup',
    'AWS::Logs::QueryDefinition',
    'AWS::XRay::SamplingRule',
  ]);
});
