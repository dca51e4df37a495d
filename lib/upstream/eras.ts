/**
 * Which eras an upstream speaks: a property of the server, not of a request (2026-07-28, basic/versioning). The modern
 * era is found out by asking (`server/discover`), the legacy one by opening a session. What is learned is kept in the
 * store with a date, and held in module memory as a cache that may be lost at any moment; it is the same for every
 * caller. It is learned anew when the memory is old, or when a call shows that it is wrong.
 */
import type { Ids } from '../ports.ts';
import type { KnownVersions, UpstreamEraStore, UpstreamEras, UpstreamTransportName } from '../ports/upstream-eras.ts';
import { MODERN_VERSIONS, type Era } from '../protocol/era.ts';
import { META } from '../protocol/modern/envelope.ts';
import { JSON_RPC, type JsonObject } from '../protocol/message.ts';
import { lastOf, type Answer } from './exchange.ts';
import { newTally, type CallEnd } from './fault.ts';
import { discover, isModernError } from './modern.ts';
import { withoutBaggage } from '../protocol/trace-context.ts';
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

/** What a conversation with an upstream has shown. */
export type Lesson = Pick<UpstreamEras, 'versions' | 'transport'>;

/** The modern revisions that an upstream offers, from memory or by asking. */
export async function modernVersions(link: UpstreamLink, tools: EraTools): Promise<EraOutcome> {
  const atHand = modernVersionsAtHand(link, tools);
  if (atHand !== undefined) return { kind: 'known', versions: atHand };
  const remembered = (await remember(link, tools))?.versions.modern;
  if (remembered !== undefined) return { kind: 'known', versions: remembered };
  const probed = await probeModern(link, tools);
  if (probed.kind === 'known' && probed.versions.length > 0)
    learn(link, { versions: { modern: probed.versions } }, tools);
  return probed;
}

/** As `modernVersions`, as far as nobody has to be asked; undefined when somebody has. */
export function modernVersionsAtHand({ config }: UpstreamLink, tools: EraTools): KnownVersions | undefined {
  if (config.era !== 'auto') return config.era === 'modern' ? MODERN_VERSIONS : [];
  const cached = tools.cache.get(upstreamKey({ config }, tools.ids));
  return cached !== undefined && isFreshMemory(cached, tools.connection.clock.now())
    ? cached.versions.modern
    : undefined;
}

/** Whether it is remembered that an upstream opens no sessions; one that is not remembered is worth a try. */
export async function lacksLegacy(link: UpstreamLink, tools: EraTools): Promise<boolean> {
  const { era } = link.config;
  return era === 'auto' ? (await remember(link, tools))?.versions.legacy?.length === 0 : era === 'modern';
}

/** How legacy messages reach the upstream; undefined while that has to be found out. */
export async function legacyTransport(link: UpstreamLink, tools: EraTools): Promise<UpstreamTransportName | undefined> {
  return link.config.transport ?? (await remember(link, tools))?.transport;
}

/**
 * Keeps what an upstream has shown to speak. What is remembered already keeps its date, so that it grows old however
 * often it is shown again; what has grown old is not renewed by what is learned of the other era.
 */
export function learn(link: UpstreamLink, lesson: Lesson, tools: EraTools): void {
  const key = upstreamKey(link, tools.ids);
  const known = freshlyCached(key, tools);
  const isNews =
    (lesson.transport !== undefined && lesson.transport !== known.transport) ||
    (['modern', 'legacy'] as const).some(
      (era) => lesson.versions[era] !== undefined && lesson.versions[era].join() !== known.versions[era]?.join(),
    );
  if (isNews) keep(key, { ...known, ...lesson, versions: { ...known.versions, ...lesson.versions } }, tools);
}

/** Whether an upstream that has just answered as if it knew nothing of modern requests does so on the whole. */
export async function hasUnlearned(link: UpstreamLink, tools: EraTools): Promise<boolean> {
  if (link.config.era !== 'auto') return false;
  const probed = await probeModern(link, tools);
  return probed.kind === 'known' && probed.versions.length === 0;
}

/** Drops what is known of an era, because a call has shown that it is wrong. */
export function forget(link: UpstreamLink, era: Era, tools: EraTools): void {
  const key = upstreamKey(link, tools.ids);
  const { versions, ...others } = freshlyCached(key, tools);
  const { [era]: _wrong, ...right } = versions;
  keep(key, { ...others, versions: right }, tools);
}

/** Every call needs the key of its upstream, some several times. */
const keys = new WeakMap<UpstreamLink['config'], string>();

/**
 * Whatever the configuration says of who answers belongs to the key, so that a changed address is asked anew, and no
 * upstream gets what was said to another one at the same address. What clients pass on does not: their headers say for
 * whom the one server answers.
 */
export function upstreamKey({ config }: Pick<UpstreamLink, 'config'>, ids: Ids): string {
  const known = keys.get(config);
  if (known !== undefined) return known;
  const headers = Object.entries(config.headers).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const key = ids.digest(JSON.stringify([config.url, headers]));
  keys.set(config, key);
  return key;
}

function freshlyCached(key: string, tools: EraTools): Lesson {
  const cached = tools.cache.get(key);
  if (cached === undefined || !isFreshMemory(cached, tools.connection.clock.now())) return { versions: {} };
  const { learnedAt: _date, ...lesson } = cached;
  return lesson;
}

/** What is learned twice in one millisecond is dated apart, because the store keeps the later of two memories. */
function keep(key: string, lesson: Lesson, tools: EraTools): void {
  const before = tools.cache.get(key)?.learnedAt ?? 0;
  const eras: UpstreamEras = { ...lesson, learnedAt: Math.max(tools.connection.clock.now(), before + 1) };
  tools.cache.set(key, eras);
  tools.connection.defer(() => tools.store.write(key, eras, eras.learnedAt + REMEMBER_PRESENT_MS));
}

async function remember(link: UpstreamLink, tools: EraTools): Promise<UpstreamEras | undefined> {
  const key = upstreamKey(link, tools.ids);
  const now = tools.connection.clock.now();
  const cached = tools.cache.get(key);
  if (cached !== undefined && isFreshMemory(cached, now)) return cached;
  const stored = await tools.store.read(key);
  if (stored === undefined || !isFreshMemory(stored, now)) {
    tools.cache.delete(key);
    return undefined;
  }
  tools.cache.set(key, stored);
  return stored;
}

/** Whether what is remembered may still be relied on. */
export function isFreshMemory(eras: UpstreamEras, now: number): boolean {
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

/** A probe costs the call requests and time, but says nothing of how far the call itself has come. */
function forProbe(connection: ConnectionTools): ConnectionTools {
  return { ...connection, tally: newTally(connection.tally), ancestry: withoutBaggage(connection.ancestry) };
}
