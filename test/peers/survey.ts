/**
 * Lists everything a server has and calls all of it. What a peer gets through the gateway is compared with what it gets
 * from the server itself.
 */
import type { ConnectedPeer } from './clients.ts';

export type Arguments = Readonly<Record<string, unknown>>;

/** What to call everything with; each is called once with each of its arguments. */
export interface Plan {
  readonly tools: Readonly<Record<string, readonly Arguments[]>>;
  readonly prompts: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>;
  /** Besides the resources that are listed. */
  readonly uris: readonly string[];
  readonly completions: readonly { readonly ref: CompletionRef; readonly name: string; readonly value: string }[];
  /** Whether tools log within their calls; otherwise it is chance when a log message comes. */
  readonly logs?: boolean;
}

export type CompletionRef =
  | { readonly type: 'ref/prompt'; readonly name: string }
  | { readonly type: 'ref/resource'; readonly uri: string };

/** What each step came to, by what was done. */
export type Findings = Readonly<Record<string, unknown>>;

/** `prefix` stands before the names of tools and prompts; what is found is told without it. */
export async function survey({ peer, era, logs }: ConnectedPeer, plan: Plan, prefix = ''): Promise<Findings> {
  const findings: Record<string, unknown> = {};
  const step = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    if (Object.hasOwn(findings, name)) throw new Error(`Two steps are called ${name}`);
    findings[name] = steady(await work().catch(describeError), prefix);
  };
  const own = <Item extends { name: string }>(items: readonly Item[]): Item[] =>
    items.map((item) => {
      if (!item.name.startsWith(prefix)) throw new Error(`${item.name} does not begin with ${prefix}`);
      return { ...item, name: item.name.slice(prefix.length) };
    });

  const has = peer.getServerCapabilities() ?? {};
  const { tools } = await peer.listTools();
  const { prompts } = has.prompts ? await peer.listPrompts() : { prompts: [] };
  const { resources } = has.resources ? await peer.listResources() : { resources: [] };
  const { resourceTemplates } = has.resources ? await peer.listResourceTemplates() : { resourceTemplates: [] };
  Object.assign(findings, { tools: own(tools), prompts: own(prompts), resources, resourceTemplates });
  findings['instructions'] = peer.getInstructions();
  findings['capabilities'] = carried(has);

  for (const { name } of own(tools)) {
    for (const args of plan.tools[name] ?? missing(name)) {
      await step(`tool ${name} ${JSON.stringify(args)}`, async () => {
        const progress: unknown[] = [];
        logs.length = 0;
        const onprogress = (report: unknown): void => void progress.push(report);
        const result = await peer.callTool({ name: prefix + name, arguments: args }, { onprogress });
        return { result, progress, logs: plan.logs === true ? [...logs] : [] };
      });
    }
  }
  for (const { name } of own(prompts)) {
    for (const args of plan.prompts[name] ?? missing(name)) {
      const wanted = { name: prefix + name, arguments: args };
      await step(`prompt ${name} ${JSON.stringify(args)}`, () => peer.getPrompt(wanted));
    }
  }
  for (const uri of [...resources.map((resource) => resource.uri), ...plan.uris]) {
    await step(`resource ${uri}`, () => peer.readResource({ uri }));
  }
  for (const { ref, name, value } of plan.completions) {
    const prefixed = ref.type === 'ref/prompt' ? { ...ref, name: prefix + ref.name } : ref;
    await step(`completion ${JSON.stringify({ ref, name, value })}`, () =>
      peer.complete({ ref: prefixed, argument: { name, value } }),
    );
  }
  if (era === 'legacy') await step('ping', () => peer.ping());
  if (era === 'legacy' && has.logging) await step('log level', () => peer.setLoggingLevel('debug'));
  return findings;
}

/** The steps that ended in an error, without those that are expected to. */
export function failedSteps(findings: Findings, expected: RegExp = /(?!)/): string[] {
  return Object.keys(findings).filter((name) => isError(findings[name]) && !expected.test(name));
}

function isError(finding: unknown): boolean {
  return typeof finding === 'object' && finding !== null && 'failed' in finding;
}

function describeError(error: unknown): object {
  const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
  return { failed: { code, message, data } };
}

function missing(name: string): never {
  throw new Error(`The plan says nothing about ${name}`);
}

/** The capabilities that the gateway carries, as it announces them. */
function carried(capabilities: object): string[] {
  const names = ['tools', 'prompts', 'resources', 'completions', 'logging'];
  return Object.keys(capabilities)
    .filter((name) => names.includes(name))
    .toSorted();
}

/**
 * The same finding at another time and in another session: without times, counts and ids that are new with each call,
 * and without the prefix, which an SDK repeats in its own errors.
 */
function steady(finding: unknown, prefix: string): unknown {
  const text = JSON.stringify(finding ?? null)
    .replaceAll(prefix, '')
    .replace(/"blob":"([A-Za-z0-9+/=]+)"/g, (_, blob: string) => `"blob":${JSON.stringify(decoded(blob))}`)
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '<time>')
    .replace(/\d{1,2}:\d\d:\d\d\s[AP]M/g, '<time>')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
    .replace(/\\"requests_handled\\":\d+/g, '\\"requests_handled\\":<count>');
  return JSON.parse(text) as unknown;
}

/** The text in Base64; what is no text stays as it is. */
function decoded(base64: string): string {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  return text.includes('\ufffd') ? base64 : text;
}
