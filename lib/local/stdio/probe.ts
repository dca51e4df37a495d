/**
 * Which era a child speaks (2026-07-28, basic/transports/stdio, "Backward Compatibility"). It is asked by
 * `server/discover`. One that says nothing may be a legacy server that ignores what it does not know, or still be
 * starting: after a while `initialize` is sent as well, which every legacy server answers, and which a server of both
 * eras answers only after the first question.
 */
import { LATEST_LEGACY, LATEST_MODERN, isModernVersion } from '../../protocol/era.ts';
import { initializeText } from '../../protocol/legacy/handshake.ts';
import { isObject, JSON_RPC, requestText, resultText, type JsonObject } from '../../protocol/message.ts';
import { memberText } from '../../protocol/json-text.ts';
import { META } from '../../protocol/modern/envelope.ts';
import type { StdioChild } from './child.ts';
import type { StdioTimes } from './times.ts';

export interface Verdict {
  readonly era: 'modern' | 'legacy';
  /** Whether the child can go on in that era: it runs, and knows of nothing but `server/discover`. */
  readonly isUsable: boolean;
}

const HOST = { name: 'sluice', title: 'Sluice', version: '0.1.0' };
const DISCOVER_ID = 'discover';
const INITIALIZE_ID = 'initialize';

const MODERN_CODES: ReadonlySet<unknown> = new Set([
  JSON_RPC.headerMismatch,
  JSON_RPC.missingClientCapability,
  JSON_RPC.unsupportedProtocolVersion,
]);

/** Listens to the child until it is known. */
export async function probeEra(child: StdioChild, times: StdioTimes): Promise<Verdict> {
  const { promise, resolve } = Promise.withResolvers<Verdict['era']>();
  let isInitialized = false;
  child.listener = {
    message(value, text) {
      const era = eraShownBy(value);
      if (era !== undefined) resolve(era);
      else if (value['method'] === 'ping') child.write(resultText(memberText(text, 'id') ?? 'null', {}));
    },
    gone: () => resolve('legacy'),
  };
  child.write(discoverText());
  const initialize = setTimeout(() => {
    isInitialized = true;
    child.write(initializeText(INITIALIZE_ID, LATEST_LEGACY, {}, HOST));
  }, times.discoverMs);
  const giveUp = setTimeout(() => resolve('legacy'), times.probeMs);
  const era = await promise;
  clearTimeout(initialize);
  clearTimeout(giveUp);
  return { era, isUsable: child.isRunning && !isInitialized };
}

/** Undefined for what shows nothing. That `initialize` fails is what a modern server does as well. */
function eraShownBy({ id, result, error, method }: JsonObject): Verdict['era'] | undefined {
  if (method !== undefined) return undefined;
  if (id === INITIALIZE_ID) return result === undefined ? undefined : 'legacy';
  if (id !== DISCOVER_ID) return undefined;
  if (isObject(error)) return MODERN_CODES.has(error['code']) ? 'modern' : 'legacy';
  const versions = isObject(result) ? result['supportedVersions'] : undefined;
  return Array.isArray(versions) && versions.some(isModernVersion) ? 'modern' : 'legacy';
}

function discoverText(): string {
  const meta = { [META.protocolVersion]: LATEST_MODERN, [META.clientInfo]: HOST, [META.clientCapabilities]: {} };
  return requestText(DISCOVER_ID, 'server/discover', { _meta: meta });
}
