/** A gateway over upstreams that tell of changes, on a clock of the test's own. */
import { onTestFinished } from 'vitest';
import type { Peer } from '../support/gateway-harness.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { asTimePasses } from '../support/passing-time.ts';
import { startTelling, type Telling } from '../support/telling.ts';
import type { WireStream } from '../support/wire.ts';
import { openListing, type Listing, type ListingSpec, type ListingWorld } from './listing-fixtures.ts';

/** JSON as tests look into it. */
type AnyJson = any;

export interface TellingWorld<Name extends string> extends Listing<Name> {
  readonly clock: ManualClock;
  readonly telling: Readonly<Record<Name, Telling>>;
}

export interface TellingOptions extends ListingWorld {
  /** As in the configuration. */
  readonly listen?: 'off' | 'poll' | { readonly holdSeconds: number };
  /** When invocations end, milliseconds after the start. */
  readonly endsAfterMs?: number;
}

const CHANGES = { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true } };

/** Each upstream declares that it tells of everything, unless its spec says otherwise. */
export async function openTelling<const Name extends string>(
  specs: Readonly<Record<Name, ListingSpec>>,
  { listen, endsAfterMs = Infinity, ...world }: TellingOptions = {},
): Promise<TellingWorld<Name>> {
  const clock = createManualClock();
  const names = Object.keys(specs) as Name[];
  const declaring = Object.fromEntries(
    names.map((name) => [name, { capabilities: CHANGES, ttlMs: 600_000, ...specs[name] }]),
  ) as Record<Name, ListingSpec>;
  const top = listen === undefined ? {} : { listen };
  const endsAt = clock.now() + endsAfterMs;
  const listing = await openListing(declaring, { clock, environments: 3, endsAt, top, ...world });
  const telling = Object.fromEntries(names.map((name) => [name, startTelling(listing.upstreams[name])]));
  // Runs before the gateway is closed, which waits for whatever is under way.
  onTestFinished(() => {
    const hurry = setInterval(() => clock.advance(10_000), 1).unref();
    void listing.gateway.settled().then(() => clearInterval(hurry));
  });
  return { ...listing, clock, telling: telling as Record<Name, Telling> };
}

/** What a legacy client is told when it asks once. */
export async function poll(clock: ManualClock, peer: Peer): Promise<AnyJson[]> {
  const stream = await peer.listen();
  if (stream.status !== 200) throw new Error(`GET was refused: ${stream.status}`);
  return asTimePasses(clock, allOf(stream));
}

/** Every message of a stream, to its end. */
export async function allOf(stream: WireStream): Promise<AnyJson[]> {
  const messages: AnyJson[] = [];
  for await (const event of stream.events) if (event.kind === 'event') messages.push(event.message);
  return messages;
}

/** Reads a stream message by message, as time passes. */
export function reading(clock: ManualClock, stream: WireStream) {
  return {
    /** Undefined at its end. */
    async next(): Promise<AnyJson> {
      return asTimePasses(clock, nextMessage(stream));
    },
  };
}

async function nextMessage(stream: WireStream): Promise<AnyJson> {
  for (;;) {
    const next = await stream.events.next();
    if (next.done === true) return undefined;
    if (next.value.kind === 'event') return next.value.message;
  }
}

export const UPDATED = 'notifications/resources/updated';
export const TOOLS_CHANGED = 'notifications/tools/list_changed';

export function updated(uri: string): object {
  return { jsonrpc: '2.0', method: UPDATED, params: { uri } };
}

export const toolsChanged = { jsonrpc: '2.0', method: TOOLS_CHANGED };

/** Subscribes, and throws when that is refused. */
export async function subscribe(peer: Peer, uri: string): Promise<void> {
  const { messages } = await peer.request('resources/subscribe', { uri });
  if (messages.at(-1)?.result === undefined) throw new Error(JSON.stringify(messages));
}
