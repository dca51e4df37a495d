/**
 * Plain requests in the other era. The relay's own edits (id, target name, progress token) are made in the same pass, so
 * that a large text is written once.
 */
import { announcedClientCapabilities } from '../capabilities.ts';
import { LATEST_MODERN } from '../era.ts';
import { editObject, type MemberEdit } from '../json-text.ts';
import { isShallowObject, type JsonObject, type RequestMessage } from '../message.ts';
import { META } from '../modern/envelope.ts';
import { editIfObject, editUnlessEmptied, isObjectText, remove, type MemberEdits } from './edits.ts';

/** What a relay changes in a request whatever the eras. A member that the translation owns is the translation's. */
export interface RelayEdits {
  /** Of the message: its id. */
  readonly message: MemberEdits;
  /** Of `params`: what the call is for. */
  readonly params: MemberEdits;
  /** Of `params._meta`: the progress token, and what is said of the trace. */
  readonly meta: MemberEdits;
  /** JSON texts that `params._meta` is given where it does not have them. */
  readonly newMeta: Readonly<Record<string, string>>;
}

/** How a legacy client describes itself to a modern upstream. */
export interface ModernSelf {
  /** From its `initialize`; sent when it is an implementation at all, since nothing requires it. */
  readonly clientInfo: JsonObject | undefined;
  /** From its `initialize`; only what the gateway carries is passed on. */
  readonly clientCapabilities: JsonObject;
  /** Undefined asks for no log messages. */
  readonly logLevel: string | undefined;
}

const NO_EDITS: RelayEdits = { message: {}, params: {}, meta: {}, newMeta: {} };

/**
 * The keys that only modern requests have (2026-07-28, basic, "Per-request protocol fields"; server/utilities/logging,
 * "Per-request log level"). Other keys under `io.modelcontextprotocol/` belong to extensions, which are relayed.
 */
const ENVELOPE_KEYS = [META.protocolVersion, META.clientInfo, META.clientCapabilities, META.logLevel];

const withoutEnvelope: MemberEdits = Object.fromEntries(ENVELOPE_KEYS.map((key) => [key, remove]));

/** What the modern era answers a server's questions with (2026-07-28, basic/patterns/mrtr). */
const withoutAnswers: MemberEdits = { inputResponses: remove, requestState: remove };

/**
 * To the modern era `task` of `tools/call` is an unknown field (SEP-2663, "Backward Compatibility"); a legacy server
 * would take it as the wish to run the call as a task (2025-11-25, basic/utilities/tasks).
 */
const withoutTask: MemberEdits = { task: remove };

/**
 * A modern client's request as a legacy upstream gets it. `_meta` and `params` that the removal empties are left out:
 * legacy requests need neither (2025-11-25, schema, "RequestParams", "PaginatedRequest").
 */
export function requestToLegacy({ method, text }: RequestMessage, relay: RelayEdits = NO_EDITS): string {
  const ofParams = {
    ...relay.params,
    ...withoutAnswers,
    ...(method === 'tools/call' ? withoutTask : {}),
    _meta: (meta: string) => editUnlessEmptied(meta, { ...relay.meta, ...withoutEnvelope }, relay.newMeta),
  };
  return editObject(text, { ...relay.message, params: (params) => editUnlessEmptied(params, ofParams) });
}

/**
 * A legacy client's request as a modern upstream gets it: it describes itself (2026-07-28, basic, "Per-request protocol
 * fields"). What the client wrote at those keys is overridden: the gateway answers for them.
 */
export function requestToModern({ text }: RequestMessage, self: ModernSelf, relay: RelayEdits = NO_EDITS): string {
  const envelope = envelopeTexts(self);
  const own = ENVELOPE_KEYS.map((key): [string, MemberEdit] => [key, () => envelope[key]]);
  const ofMeta = { ...relay.meta, ...Object.fromEntries(own) };
  // A `_meta` that is no object says nothing in either era.
  const added = { ...envelope, ...relay.newMeta };
  const toMeta = (meta: string): string => editObject(isObjectText(meta) ? meta : '{}', ofMeta, added);
  const newMeta = toMeta('{}');
  const ofParams = { ...relay.params, _meta: toMeta };
  return editObject(
    text,
    { ...relay.message, params: (params) => editIfObject(params, ofParams, { _meta: newMeta }) },
    { params: `{"_meta":${newMeta}}` },
  );
}

/** JSON text by key of `_meta`. */
function envelopeTexts({ clientInfo, clientCapabilities, logLevel }: ModernSelf): Readonly<Record<string, string>> {
  return {
    [META.protocolVersion]: JSON.stringify(LATEST_MODERN),
    ...(isImplementation(clientInfo) ? { [META.clientInfo]: JSON.stringify(clientInfo) } : {}),
    [META.clientCapabilities]: JSON.stringify(modernCapabilities(clientCapabilities)),
    ...(logLevel === undefined ? {} : { [META.logLevel]: JSON.stringify(logLevel) }),
  };
}

/**
 * What a legacy client declared, as a modern one would. An empty `elicitation` means forms in both eras; of `roots`
 * nothing is left to declare, since its change is announced no more (2026-07-28, changelog, 5).
 */
function modernCapabilities(declared: JsonObject): JsonObject {
  const announced = isShallowObject(declared) ? announcedClientCapabilities(declared) : {};
  return Object.hasOwn(announced, 'roots') ? { ...announced, roots: {} } : announced;
}

/** 2026-07-28, schema, "Implementation": a server may refuse a request whose `clientInfo` is none. */
export function isImplementation(info: JsonObject | undefined): info is JsonObject {
  return isShallowObject(info) && typeof info['name'] === 'string' && typeof info['version'] === 'string';
}
