/** `initialize` on both sides of the gateway (2025-11-25, basic/lifecycle). */
import { announcedClientCapabilities } from '../capabilities.ts';
import { isLegacyVersion, LATEST_LEGACY, type LegacyVersion } from '../era.ts';
import { isObject, isShallowObject, notificationText, requestText, type JsonObject } from '../message.ts';

/** What a legacy client says when it opens a session. */
export interface ClientHello {
  /** The revision it asked for; it may be none that exists. */
  readonly requestedVersion: string;
  readonly capabilities: JsonObject;
  readonly clientInfo: JsonObject;
}

/** What a legacy upstream says when it opens one. */
export interface ServerHello {
  readonly protocolVersion: string;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}

/** Undefined when the parameters are not those of `initialize`. */
export function readClientHello(params: JsonObject | undefined): ClientHello | undefined {
  if (params === undefined) return undefined;
  const { protocolVersion, capabilities, clientInfo } = params;
  if (typeof protocolVersion !== 'string' || !isShallowObject(capabilities) || !isShallowObject(clientInfo))
    return undefined;
  return { requestedVersion: protocolVersion, capabilities, clientInfo };
}

/** Undefined when the result is not one of `initialize`. */
export function readServerHello(result: JsonObject): ServerHello | undefined {
  const { protocolVersion, capabilities, instructions } = result;
  if (typeof protocolVersion !== 'string' || !isObject(capabilities)) return undefined;
  return {
    protocolVersion,
    capabilities,
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}

/** The revision asked for when it is known, the newest legacy one otherwise. */
export function negotiate(requestedVersion: string): LegacyVersion {
  return isLegacyVersion(requestedVersion) ? requestedVersion : LATEST_LEGACY;
}

export function initializeText(id: string, version: string, capabilities: JsonObject, clientInfo: JsonObject): string {
  return requestText(id, 'initialize', {
    protocolVersion: version,
    capabilities: announcedClientCapabilities(capabilities),
    clientInfo,
  });
}

export function initializedText(): string {
  return notificationText('notifications/initialized');
}
