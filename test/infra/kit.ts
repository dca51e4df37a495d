/** Stacks as they are synthesized, of configurations that tests write, with next to nothing as the code of the functions. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll } from 'vitest';
import { openApp } from '../../infra/app.ts';
import { SluiceStack } from '../../infra/stack.ts';
import { configOf, emptyCode } from './samples.ts';

/** Removed after the tests of the file. */
export function folderOfThisFile(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface OpenStack {
  readonly app: App;
  readonly stack: SluiceStack;
}

/** `file` is what a configuration file would hold, besides `LEAST`. Call it outside of tests. */
export function openStack(file: object = {}, name = 'Sluice'): OpenStack {
  const folder = folderOfThisFile();
  const app = openApp({ outdir: join(folder, 'assembly') });
  return { app, stack: new SluiceStack(app, name, { config: configOf(file), code: emptyCode(folder) }) };
}

/** As `openStack`, and synthesized, with all the checks that go with it. */
export function synthesize(file: object = {}, name = 'Sluice'): Template {
  return Template.fromStack(openStack(file, name).stack);
}

export type Properties = Readonly<Record<string, unknown>>;

/** The properties of all resources of a type, by logical id. */
export function resourcesOf(template: Template, type: string): ReadonlyMap<string, Properties> {
  const found = template.findResources(type);
  return new Map(Object.entries(found).map(([id, resource]) => [id, (resource['Properties'] ?? {}) as Properties]));
}

/** The one resource of a type whose logical id begins so. */
export function resourceOf(template: Template, type: string, beginning = ''): Properties {
  const found = [...resourcesOf(template, type)].filter(([id]) => id.startsWith(beginning));
  if (found.length !== 1) throw new Error(`${found.length} resources of ${type} begin with "${beginning}"`);
  return found[0]![1];
}

/** A text with references in it, as they would be resolved by somebody who writes them in braces. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[kind, argument] = []] = Object.entries(value as Properties);
  switch (kind) {
    case 'Ref':
      return `{${String(argument)}}`;
    case 'Fn::GetAtt':
      return `{${(argument as string[]).join('.')}}`;
    case 'Fn::Join': {
      const [separator, parts] = argument as [string, unknown[]];
      return parts.map(textOf).join(separator);
    }
    default:
      throw new Error(`Not a text: ${JSON.stringify(value)}`);
  }
}
