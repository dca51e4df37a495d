import { App, Validations, type AppProps } from 'aws-cdk-lib';
import { CURRENTLY_RECOMMENDED_FLAGS } from 'aws-cdk-lib/cx-api';
import { AwsSolutionsChecks } from 'cdk-nag';

/** The behaviour that the CDK recommends for what is new, but for one: a grant stays the statement that it was given as. */
const FLAGS = { ...CURRENTLY_RECOMMENDED_FLAGS, '@aws-cdk/aws-iam:minimizePolicies': false };

/** An app whose synthesis fails when anything in it goes against the rules of cdk-nag. */
export function openApp(props: AppProps = {}): App {
  const app = new App({ ...props, context: { ...FLAGS, ...props.context } });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}
