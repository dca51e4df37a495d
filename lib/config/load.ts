/**
 * From a configuration file to the configuration: shape, rules, defaults. Reading the file and ending the process are
 * the caller's; an expected failure is a value that lists everything that is wrong.
 */
import { readJson } from './json.ts';
import { finding, found, kindOf, toProblems } from './problems.ts';
import { strayKeys } from './reach-rules.ts';
import { asFile } from './resolved-form.ts';
import { brokenRules } from './rules.ts';
import { configFile } from './schema.ts';
import { seal } from './seal.ts';
import {
  DEFAULT_IDLE_MS,
  DEFAULT_MAX_PROCESSES,
  FUNCTION_MARGIN_MS,
  LONGEST_FUNCTION_MS,
  defaultConnectTimeoutMs,
} from './upstream-schema.ts';
import { prefixOf } from './upstream-rules.ts';
import type { Finding, Keys, Problem } from './problems.ts';
import type {
  AuthConfig,
  ConfigFile,
  DeploymentConfig,
  GatewayConfig,
  SecretReference,
  ServerConfig,
  StdioConfig,
  ToolConfig,
  UpstreamConfig,
  UpstreamFile,
} from './schema.ts';
import type * as z from 'zod';

export type ConfigResult =
  | { readonly ok: true; readonly config: GatewayConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Who may call a gateway whose file does not say so: nobody unknown where others reach it, everyone on one's own machine. */
export const UNSAID = {
  deployed: { mode: 'iam' },
  local: { mode: 'none', iUnderstandThisIsOpen: false },
} as const satisfies Record<string, AuthConfig>;

/** From the text of a file; `unsaid` is who may call when it does not say so. */
export function parseConfig(text: string, unsaid: AuthConfig): ConfigResult {
  const json = readJson(text);
  if (!json.ok) return json;
  const result = resolveConfig(json.value, unsaid);
  if (json.repeated.length === 0) return result;
  return { ok: false, problems: [...json.repeated, ...(result.ok ? [] : result.problems)] };
}

/** From the value of a file. A resolved configuration resolves to itself. */
export function resolveConfig(value: unknown, unsaid: AuthConfig): ConfigResult {
  const file = asFile(value);
  const shape = configFile.safeParse(file);
  const misshapes = (shape.error?.issues ?? []).flatMap((issue) => misshapen(issue, file));
  const findings = [...strayKeys(file), ...misshapes, ...brokenRules(file)];
  if (shape.success && findings.length === 0) return { ok: true, config: withDefaults(shape.data, unsaid) };
  return { ok: false, problems: toProblems(findings, file) };
}

/** Timeout of the function that serves this configuration, in milliseconds: its longest call and a margin. */
export function functionTimeoutMs(config: GatewayConfig): number {
  const totals = Object.values(config.upstreams).flatMap((upstream) => [
    upstream.timeoutMs,
    ...Object.values(upstream.tools).map((tool) => tool.timeoutMs ?? upstream.timeoutMs),
  ]);
  return Math.min(Math.max(...totals) + FUNCTION_MARGIN_MS, LONGEST_FUNCTION_MS);
}

// --------------------------------------------------------------------------------------------------------- problems

/** One finding per value, or per unknown key, that has the wrong shape. */
function misshapen(issue: z.core.$ZodIssue, file: unknown): Finding[] {
  const within = issue.code === 'invalid_union' ? meantForm(issue) : undefined;
  if (within !== undefined) return within.flatMap((inner) => misshapen(inner, file));
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => finding([...issue.path, key], issue.message));
  const value = valueAt(file, issue.path);
  return [finding(issue.path, issue.message, misshape(issue, value))];
}

/** Of a value that may have several forms, what is wrong with it in the form that it is an attempt at, if that is plain. */
function meantForm({ errors, path }: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[] | undefined {
  const isInside = (issue: z.core.$ZodIssue): boolean => issue.path.length > 0 || issue.code === 'unrecognized_keys';
  return errors
    .find((issues) => issues.length > 0 && issues.every(isInside))
    ?.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
}

/** Where secrets are, or are put by mistake. */
const NEVER_SHOWN = new Set<unknown>(['headers', 'command', 'args', 'env', 'cwd']);

/** What was found instead, if it may be shown: not what may hold a secret. */
function misshape(issue: z.core.$ZodIssue, value: unknown): string {
  const [section, , key] = issue.path;
  if (section === 'upstreams' && NEVER_SHOWN.has(key)) return kindOf(value);
  if (section === 'upstreams' && key === 'url' && typeof value === 'string') return urlFault(value);
  return issue.code === 'invalid_type' && typeof value === 'string' ? kindOf(value) : found(value);
}

function urlFault(url: string): string {
  if (!/^https?:\/\//.test(url)) return 'text that does not begin with http:// or https://';
  if (/^[^/]*\/\/[^/?#]*@/.test(url)) return 'credentials in it';
  if (url.includes('#')) return 'a fragment';
  return /\s/.test(url) ? 'a space in it' : kindOf(url);
}

function valueAt(file: unknown, keys: Keys): unknown {
  return keys.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    return (value as Record<PropertyKey, unknown>)[key];
  }, file);
}

// --------------------------------------------------------------------------------------------------------- defaults

/** Only for a file in which nothing is wrong. */
function withDefaults(file: ConfigFile, unsaid: AuthConfig): GatewayConfig {
  return seal({
    upstreams: mapValues(file.upstreams, upstreamWithDefaults),
    servers: mapValues(file.servers, (_name, { upstreams, tools }): ServerConfig => ({
      upstreams,
      ...(tools === undefined ? {} : { tools }),
    })),
    auth: file.auth ?? unsaid,
    origins: file.origins,
    limits: file.limits,
    refresh: file.refresh,
    listen: file.listen,
    deployment: present(file.deployment),
  });
}

function upstreamWithDefaults(name: string, upstream: UpstreamFile): UpstreamConfig {
  const { url, transport, era, isolation, headers, forwardHeaders, traceContext, timeoutMs } = upstream;
  const { idleTimeoutMs, listTtlMs, pin, retries, breaker, maxConcurrent, tools } = upstream;
  const stdio = stdioWithDefaults(upstream);
  return {
    url: url ?? '',
    ...(stdio === undefined ? {} : { stdio }),
    ...(transport === undefined ? {} : { transport }),
    prefix: prefixOf(name, upstream)!,
    era,
    isolation,
    headers: Object.fromEntries(
      Object.entries(headers).map(([header, value]) => [header.toLowerCase(), headerValue(value)]),
    ),
    forwardHeaders: forwardHeaders.map((header) => header.toLowerCase()),
    traceContext,
    timeoutMs,
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    connectTimeoutMs: upstream.connectTimeoutMs ?? defaultConnectTimeoutMs(timeoutMs),
    listTtlMs,
    pin,
    retries,
    breaker,
    ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
    tools: mapValues(tools, (_tool, settings) => present(settings)),
  };
}

function headerValue(value: UpstreamFile['headers'][string]): string | SecretReference {
  return typeof value === 'string' ? value : present<SecretReference>(value);
}

/** What is there, but may say nothing. */
type Unsaid<Settings> = { readonly [Key in keyof Settings]: Settings[Key] | undefined };

/** Without the keys that are there and say nothing. */
function present<Settings extends ToolConfig | SecretReference | DeploymentConfig>(
  settings: Unsaid<Settings>,
): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as unknown as Settings;
}

function stdioWithDefaults({ command, args, env, cwd, idleMs, maxProcesses }: UpstreamFile): StdioConfig | undefined {
  if (command === undefined) return undefined;
  return {
    command,
    args: args ?? [],
    env: env ?? {},
    ...(cwd === undefined ? {} : { cwd }),
    idleMs: idleMs ?? DEFAULT_IDLE_MS,
    maxProcesses: maxProcesses ?? DEFAULT_MAX_PROCESSES,
  };
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (key: string, value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(key, value)]));
}
