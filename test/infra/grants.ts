import type { Template } from 'aws-cdk-lib/assertions';
import { resourcesOf, textOf } from './kit.ts';

/** One action on one resource, both as texts. */
export interface Grant {
  readonly action: string;
  readonly resource: string;
}

export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** What the role allows whose policy begins so, statement by statement. References to other resources lose their hashes. */
export function statementsOf(template: Template, role: string): { actions: readonly string[]; resources: string[] }[] {
  const policies = [...resourcesOf(template, 'AWS::IAM::Policy')].filter(([id]) => id.startsWith(role));
  return policies.flatMap(([, { PolicyDocument }]) =>
    (PolicyDocument as { readonly Statement: readonly Statement[] }).Statement.map(({ Action, Resource }) => ({
      actions: typeof Action === 'string' ? [Action] : Action,
      resources: [Resource].flat().map((resource) => textOf(resource).replace(/(?<=\{[A-Za-z]+)[0-9A-F]{8}(?=\.)/, '')),
    })),
  );
}

export function grantsOf(template: Template, role: string): Grant[] {
  return statementsOf(template, role).flatMap(({ actions, resources }) =>
    actions.flatMap((action) => resources.map((resource) => ({ action, resource }))),
  );
}
