/** A gateway in front of several upstreams with lists of the test's choice, ended together with the test. */
import { onTestFinished } from 'vitest';
import type { Harness, HarnessOptions, Peer } from '../support/gateway-harness.ts';
import { ListingUpstream, METHODS, type ListingOptions, type ListName } from '../support/listing-upstream.ts';
import { openGateway } from './fixtures.ts';

/** JSON as tests look into it. */
type AnyJson = any;

export interface ListingSpec extends ListingOptions {
  /** More fields of the upstream's configuration. */
  readonly config?: object;
}

export interface Listing<Name extends string> {
  readonly gateway: Harness;
  readonly upstreams: Readonly<Record<Name, ListingUpstream>>;
}

export interface ListingWorld extends Omit<HarnessOptions, 'url' | 'upstream' | 'file'> {
  /** Virtual servers; by default one that shows all upstreams in their order. */
  readonly servers?: object;
  /** More top-level fields of the configuration file. */
  readonly top?: object;
  /** Names of the upstreams in the order in which the file names them; the order of the specs by default. */
  readonly fileOrder?: readonly string[];
}

/** The upstreams are labelled with their names. */
export async function openListing<const Name extends string>(
  specs: Readonly<Record<Name, ListingSpec>>,
  { servers, fileOrder, top, ...options }: ListingWorld = {},
): Promise<Listing<Name>> {
  const names = Object.keys(specs) as Name[];
  const started = await Promise.all(
    names.map(async (name) => {
      const upstream = new ListingUpstream({ label: name, ...specs[name] });
      await upstream.start();
      onTestFinished(() => upstream.stop());
      return [name, upstream] as const;
    }),
  );
  const upstreams = Object.fromEntries(started) as Record<Name, ListingUpstream>;
  const order = (fileOrder ?? names) as Name[];
  const file = {
    upstreams: Object.fromEntries(order.map((name) => [name, { url: upstreams[name].url, ...specs[name].config }])),
    servers: servers ?? { default: { upstreams: names } },
    ...top,
  };
  const gateway = await openGateway({ ...options, url: '', file });
  // Runs before the gateway is closed, which waits for whatever is under way.
  onTestFinished(() => {
    for (const name of names) upstreams[name].release();
  });
  return { gateway, upstreams };
}

/** The result of a list; throws what went wrong instead. */
export async function listOf(peer: Peer, list: ListName = 'tools'): Promise<AnyJson> {
  const { messages } = await peer.request(METHODS[list]);
  const { result, error } = messages.at(-1) ?? {};
  if (result === undefined) throw new Error(`${METHODS[list]} failed: ${JSON.stringify(error)}`);
  return result;
}

const NAMED_BY: Readonly<Record<ListName, string>> = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
};

/** The names of the items in the result of a list. */
export function namesOf(result: AnyJson, list: ListName = 'tools'): string[] {
  return membersOf(result, list, NAMED_BY[list]);
}

/** One member of each item in the result of a list; it is a text. */
export function membersOf(result: AnyJson, list: ListName, member: string): string[] {
  const items = result[list] as readonly Readonly<Record<string, string>>[];
  return items.map((item) => item[member] ?? `no ${member}`);
}

/** The names in a list. */
export async function namesIn(peer: Peer, list: ListName = 'tools'): Promise<string[]> {
  return namesOf(await listOf(peer, list), list);
}

/** Who answered, and under which name it was asked; or the error. */
async function answerOf(peer: Peer, method: string, params: object): Promise<AnyJson> {
  const { messages } = await peer.request(method, params);
  const { result, error } = messages.at(-1) ?? {};
  if (result === undefined) return error;
  const { content, messages: prompted, contents, completion } = result;
  return (content?.[0] ?? prompted?.[0].content ?? contents?.[0])?.text ?? completion?.values[0];
}

export function callTool(peer: Peer, name: string): Promise<AnyJson> {
  return answerOf(peer, 'tools/call', { name, arguments: {} });
}

export function getPrompt(peer: Peer, name: string): Promise<AnyJson> {
  return answerOf(peer, 'prompts/get', { name });
}

export function readResource(peer: Peer, uri: string): Promise<AnyJson> {
  return answerOf(peer, 'resources/read', { uri });
}

export function complete(peer: Peer, ref: object): Promise<AnyJson> {
  return answerOf(peer, 'completion/complete', { ref, argument: { name: 'a', value: 'b' } });
}

export const MODERN = '2026-07-28';
export const LEGACY = '2025-11-25';

/** Clients of both eras, on upstreams of each kind. */
export const PAIRS = [MODERN, LEGACY].flatMap((revision) =>
  (['modern', 'legacy', 'both'] as const).map((era) => ({ revision, era })),
);

export const UNAVAILABLE = 'io.sluice/unavailable';
export const LOST = 'io.sluice/lostClaims';
