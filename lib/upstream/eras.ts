/**
 * Which eras an upstream speaks: a property of the server, not of a request (2026-07-28, basic/versioning). Learned by
 * probing, kept in the store with a date, and held in module memory as a cache that may be lost at any moment; it is the
 * same for every caller. Probed again when the memory is old, or when a call shows that it is wrong.
 */
import type { Ids, KnownVersions, UpstreamEraStore, UpstreamEras } from '../ports.ts';
import { LATEST_LEGACY, LEGACY_VERSIONS, MODERN_VERSIONS, type Era } from '../protocol/era.ts';
import { META } from '../protocol/modern/envelope.ts';
import { JSON_RPC, type JsonObject } from '../protocol/message.ts';
import { lastOf, type Answer } from './exchange.ts';
import { newTally, type CallEnd } from './fault.ts';
import { closeUpstreamSession, openUpstreamSession } from './legacy.ts';
import { discover, isModernError } from './modern.ts';
import type { ConnectionTools, UpstreamLink } from './streamable-http.ts';

/** A server that speaks an era seldom unlearns it; one that does not may be upgraded any minute. */
const REMEMBER_PRESENT_MS = 24 * 60 * 60 * 1000;
const REMEMBER_LACKING_MS = 60 * 1000;

/** Shared by all requests of one gateway: a cache of what the store says. */
export type EraCache = Map<string, UpstreamEras>;

export interface EraTools {
  readonly cache: EraCache;
  readonly store: UpstreamEraStore;
  readonly ids: Ids;
  readonly connection: ConnectionTools;
  /** Who asks, when the gateway asks for itself. */
  readonly identity: JsonObject;
}

export type EraOutcome =
  /** The versions of the era that the upstream offers; empty when it lacks the era. */
  { readonly kind: 'known'; readonly versions: KnownVersions } | { readonly kind: 'end'; readonly end: CallEnd };

/** The versions that an upstream offers of an era, from memory or by probing. */
export async function knownVersions(link: UpstreamLink, era: Era, tools: EraTools): Promise<EraOutcome> {
  const { era: configured } = link.config;
  if (configured !== 'auto') {
    const offered: KnownVersions = era === 'modern' ? MODERN_VERSIONS : LEGACY_VERSIONS;
    return { kind: 'known', versions: configured === era ? offered : [] };
  }
  const remembered = (await remember(link, tools))?.versions[era];
  if (remembered !== undefined) return { kind: 'known', versions: remembered };
  const probed = await (era === 'modern' ? probeModern(link, tools) : probeLegacy(link, tools));
  if (probed.kind === 'known' && probed.versions.length > 0) learn(link, era, probed.versions, tools);
  return probed;
}

/**
 * Keeps what an upstream has shown to speak. What is remembered already keeps its date, so that it grows old however
 * often it is shown again; what has grown old is not renewed by what is learned of the other era.
 */
export function learn(link: UpstreamLink, era: Era, versions: KnownVersions, tools: EraTools): void {
  const key = keyOf(link, tools.ids);
  const known = freshlyCached(key, tools);
  if (known[era]?.join() !== versions.join()) keep(key, { ...known, [era]: versions }, tools);
}

/** Whether an upstream that has just answered as if it knew nothing of modern requests does so on the whole. */
export async function hasUnlearned(link: UpstreamLink, tools: EraTools): Promise<boolean> {
  if (link.config.era !== 'auto') return false;
  const probed = await probeModern(link, tools);
  return probed.kind === 'known' && probed.versions.length === 0;
}

/** Drops what is known of an era, because a call has shown that it is wrong. */
export function forget(link: UpstreamLink, era: Era, tools: EraTools): void {
  const key = keyOf(link, tools.ids);
  const { [era]: _wrong, ...others } = freshlyCached(key, tools);
  keep(key, others, tools);
}

function freshlyCached(key: string, tools: EraTools): UpstreamEras['versions'] {
  const cached = tools.cache.get(key);
  return cached !== undefined && isFresh(cached, tools.connection.clock.now()) ? cached.versions : {};
}

/**
 * What an upstream that has just shown to lack an era offers of the other one. That it lacks the first is remembered
 * only if it speaks the other: something that is no MCP server at the moment may be one again in the next.
 */
export async function offeredInstead(link: UpstreamLink, lacking: Era, tools: EraTools): Promise<KnownVersions> {
  const outcome = await knownVersions(link, lacking === 'modern' ? 'legacy' : 'modern', tools);
  if (outcome.kind === 'end') return [];
  if (outcome.versions.length > 0 && link.config.era === 'auto') learn(link, lacking, [], tools);
  return outcome.versions;
}

/** What is learned twice in one millisecond is dated apart, because the store keeps the later of two memories. */
function keep(key: string, versions: UpstreamEras['versions'], tools: EraTools): void {
  const before = tools.cache.get(key)?.learnedAt ?? 0;
  const eras: UpstreamEras = { versions, learnedAt: Math.max(tools.connection.clock.now(), before + 1) };
  tools.cache.set(key, eras);
  tools.connection.defer(() => tools.store.write(key, eras, eras.learnedAt + REMEMBER_PRESENT_MS));
}

async function remember(link: UpstreamLink, tools: EraTools): Promise<UpstreamEras | undefined> {
  const key = keyOf(link, tools.ids);
  const now = tools.connection.clock.now();
  const cached = tools.cache.get(key);
  if (cached !== undefined && isFresh(cached, now)) return cached;
  const stored = await tools.store.read(key);
  if (stored === undefined || !isFresh(stored, now)) {
    tools.cache.delete(key);
    return undefined;
  }
  tools.cache.set(key, stored);
  return stored;
}

function isFresh(eras: UpstreamEras, now: number): boolean {
  const lacksOne = Object.values(eras.versions).some((versions) => versions.length === 0);
  return now < eras.learnedAt + (lacksOne ? REMEMBER_LACKING_MS : REMEMBER_PRESENT_MS);
}

async function probeModern(link: UpstreamLink, tools: EraTools): Promise<EraOutcome> {
  const meta = { [META.clientInfo]: tools.identity, [META.clientCapabilities]: {} };
  const answer = await lastOf(discover(link, meta, tools.ids.random(), forProbe(tools.connection)));
  if (answer.kind === 'era-wrong') return { kind: 'known', versions: [] };
  if (answer.kind === 'end') return answer;
  return { kind: 'known', versions: modernVersionsOf(answer) };
}

/** A server that answers `server/discover`, or refuses it in a way only a modern one does, knows the era. */
export function modernVersionsOf(answer: Extract<Answer, { kind: 'final' }>): KnownVersions {
  const { body } = answer.response;
  if ('error' in body) {
    const { error } = body;
    if (error.code === JSON_RPC.unsupportedProtocolVersion) return supportedIn(error.data);
    return isModernError(error) ? MODERN_VERSIONS : [];
  }
  return onlyModern(body.result['supportedVersions']);
}

function supportedIn(data: unknown): KnownVersions {
  return typeof data === 'object' && data !== null && 'supported' in data ? onlyModern(data.supported) : [];
}

function onlyModern(versions: unknown): KnownVersions {
  return Array.isArray(versions) ? MODERN_VERSIONS.filter((version) => versions.includes(version)) : [];
}

/** Opens a session and closes it again: legacy servers have no other way to say what they speak. */
async function probeLegacy(link: UpstreamLink, tools: EraTools): Promise<EraOutcome> {
  const client = { protocolVersion: LATEST_LEGACY, clientCapabilities: {}, clientInfo: tools.identity };
  const opened = await openUpstreamSession(link, client, tools.ids, forProbe(tools.connection));
  if (opened.kind === 'end') return opened;
  if (opened.kind === 'refused') return { kind: 'known', versions: [] };
  tools.connection.defer((later) => closeUpstreamSession(link, opened.session, later));
  return { kind: 'known', versions: [opened.hello.protocolVersion] };
}

/** A probe costs the call requests and time, but says nothing of how far the call itself has come. */
function forProbe(connection: ConnectionTools): ConnectionTools {
  return { ...connection, tally: newTally(connection.tally.cost) };
}

/** Whatever decides who answers belongs to the key, so that a changed address is probed anew. */
function keyOf(link: UpstreamLink, ids: Ids): string {
  return ids.digest(link.config.url);
}
