/**
 * The ids of the events that legacy clients get. An id names its stream and its place in it, and reveals nothing; what
 * is kept of a stream is found with the client session that it belongs to, and with no other.
 */
import type { Ids } from '../ports.ts';
import type { ClientSession } from '../ports/client-sessions.ts';

export interface EventPosition {
  readonly stream: string;
  /** 0 is before the first event; undefined after the last one. */
  readonly number: number | undefined;
}

const EVENT_ID = /^([A-Za-z0-9_-]{32})\.(\d{1,8}|end)$/;

export function eventIdOf({ stream, number }: EventPosition): string {
  return `${stream}.${number ?? 'end'}`;
}

/** Undefined for an id that the gateway cannot have given out. */
export function readEventId(id: string): EventPosition | undefined {
  const [, stream, place] = EVENT_ID.exec(id) ?? [];
  if (stream === undefined || place === undefined) return undefined;
  return { stream, number: place === 'end' ? undefined : Number(place) };
}

const LISTENING_ID = /^[A-Za-z0-9_-]{32}\.listening$/;

/**
 * Of a stream that tells what happens beside the calls, another one each time: clients may take it for a server that makes
 * no progress when it is the same, or when there is none. There is nothing to resume from it, as what was told is kept in
 * the table.
 */
export function listeningId(ids: Ids): string {
  return `${ids.random()}.listening`;
}

export function isListeningId(id: string): boolean {
  return LISTENING_ID.test(id);
}

export function streamKey(ids: Ids, session: Pick<ClientSession, 'key'>, stream: string): string {
  return ids.digest(JSON.stringify([session.key, stream]));
}
