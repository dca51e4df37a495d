/** The app of the CDK (`cdk.json`): from a configuration file to a cloud assembly. */
import { openApp } from './app.ts';
import { withFunctionCode } from './code.ts';
import { readConfiguration } from './configuration.ts';
import { readOptions } from './options.ts';
import { SluiceStack } from './stack.ts';
import { SynthError } from './synth-error.ts';

async function synthesize(): Promise<void> {
  const app = openApp();
  const { configFile, stackName } = readOptions(app.node);
  const config = readConfiguration(configFile);
  await withFunctionCode(config, (code) => new SluiceStack(app, stackName, { config, code }));
  app.synth();
}

try {
  await synthesize();
} catch (error) {
  if (!(error instanceof SynthError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
