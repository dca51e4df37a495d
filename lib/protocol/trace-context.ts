/**
 * What a request says of the trace that it is part of: W3C Trace Context (Level 2) and W3C Baggage, in HTTP headers and
 * under the same names in `_meta` (SEP-414), and AWS's own header beside them (X-Ray, "Tracing header").
 *
 * Whatever a client says is anybody's bytes. What does not follow the formats is as good as not said: no call fails for it.
 */
import type { HttpHeaders } from './http.ts';
import { isObject, type Json } from './message.ts';

/** What is said of a trace, as it is written; what is missing is not said. */
export interface TraceContext {
  readonly traceparent?: string;
  /** Never without a `traceparent`. */
  readonly tracestate?: string;
  readonly baggage?: string;
}

/** The trace that an invocation belongs to. */
export interface PlatformTrace {
  /** `1-<8 hexadecimal digits>-<24 hexadecimal digits>`. */
  readonly id: string;
  /** The segment that the invocation is part of: 16 hexadecimal digits; undefined when nothing is known of it. */
  readonly parent: string | undefined;
  readonly sampled: boolean;
}

/** What the requests to upstreams that are made for one message continue. */
export interface Ancestry {
  /** What the client said, as far as it is valid. */
  readonly client: ClientContext;
  readonly platform: PlatformTrace | undefined;
}

interface ClientContext {
  readonly parent?: Traceparent;
  /** Members as the client wrote them, in its order. */
  readonly state?: readonly StateMember[];
  readonly baggage?: string;
}

interface Traceparent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly parentId: string;
  readonly flags: number;
}

interface StateMember {
  readonly key: string;
  readonly text: string;
}

/** What one request to an upstream says of its trace. */
export interface OutgoingContext {
  /** Of its `_meta`. */
  readonly meta: TraceContext;
  readonly headers: HttpHeaders;
}

export const NO_CONTEXT: OutgoingContext = { meta: {}, headers: {} };

const NOTHING_SAID: ClientContext = {};

// ----------------------------------------------------------------------------------------------- what clients say

/** Of a request, by its headers. */
export function ancestryOfRequest(headers: HttpHeaders, platform: PlatformTrace | undefined): Ancestry | undefined {
  return ancestryOfMessage(headers, platform && { client: NOTHING_SAID, platform });
}

/**
 * Of a message, by its `_meta`. That is the message's own, where the headers `around` it may be those of a whole batch,
 * and wins; `traceparent` and `tracestate` are taken from the same place.
 */
export function ancestryOfMessage(meta: Json | undefined, around: Ancestry | undefined): Ancestry | undefined {
  const own = isObject(meta) ? readContext(meta) : NOTHING_SAID;
  if (own.parent === undefined && own.baggage === undefined) return around;
  const { parent, state } = own.parent === undefined ? (around?.client ?? NOTHING_SAID) : own;
  const baggage = own.baggage ?? around?.client.baggage;
  return {
    client: { ...(parent && { parent }), ...(state && { state }), ...(baggage !== undefined && { baggage }) },
    platform: around?.platform,
  };
}

/**
 * As the gateway's own requests continue it: what is asked for by itself is kept for others too, and must not depend on
 * what one client says of itself.
 */
export function withoutBaggage(ancestry: Ancestry | undefined): Ancestry | undefined {
  if (ancestry?.client.baggage === undefined) return ancestry;
  const { baggage: _baggage, ...client } = ancestry.client;
  return { ...ancestry, client };
}

/** The id of the trace that the client is in; null when it says nothing of one. */
export function clientTraceId(ancestry: Ancestry | undefined): string | null {
  return ancestry?.client.parent?.traceId ?? null;
}

function readContext(said: Readonly<Record<string, Json | undefined>>): ClientContext {
  const { traceparent, tracestate, baggage } = said;
  if (traceparent === undefined && baggage === undefined) return NOTHING_SAID;
  const parent = readTraceparent(traceparent);
  const state = parent && readTracestate(tracestate);
  const valid = readBaggage(baggage);
  return { ...(parent && { parent }), ...(state && { state }), ...(valid !== undefined && { baggage: valid }) };
}

/** What comes after the flags is a later version's (W3C Trace Context, 3.2.4, "Versioning of traceparent"). */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?$/;

function readTraceparent(value: Json | undefined): Traceparent | undefined {
  if (typeof value !== 'string') return undefined;
  const [, version, traceId, parentId, flags, later] = TRACEPARENT.exec(value) ?? [];
  if (traceId === undefined || parentId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && later !== undefined)) return undefined;
  if (isZero(traceId) || isZero(parentId)) return undefined;
  return { traceId, parentId, flags: parseInt(flags, 16) & KNOWN_FLAGS };
}

/** Sampled, and random trace id: all others are to be zero (3.2.3.3, "Other Flags"). */
const KNOWN_FLAGS = 0b11;

function isZero(id: string): boolean {
  return /^0*$/.test(id);
}

const MAX_STATE_MEMBERS = 32;
/** So much of it is passed on, which is what has to be at least (3.3.1.5, "tracestate Limits"). */
const MAX_STATE_CHARS = 512;
/** Members larger than this go first where it is too long. */
const LARGE_STATE_MEMBER_CHARS = 128;
/** Longer ones are not even looked at, in characters. */
const MAX_READ_STATE_CHARS = 8192;

/** A key, `=`, and a value that does not end with a space (3.3.1.3, "list"). */
const STATE_MEMBER =
  /^([a-z0-9][a-z0-9_\-*/@]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

function readTracestate(value: Json | undefined): readonly StateMember[] | undefined {
  if (typeof value !== 'string' || value.length > MAX_READ_STATE_CHARS) return undefined;
  const members: StateMember[] = [];
  for (const part of value.split(',')) {
    const text = trimSpace(part);
    if (text === '') continue;
    const key = STATE_MEMBER.exec(text)?.[1];
    if (key === undefined || members.length === MAX_STATE_MEMBERS) return undefined;
    if (members.some((member) => member.key === key)) return undefined;
    members.push({ key, text });
  }
  return members.length === 0 ? undefined : members;
}

/** Of spaces and tabs, which may stand around the members of a list. */
function trimSpace(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charCodeAt(from))) from += 1;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** What has to be passed on at least (W3C Baggage, 3.3.2, "Limits"), and no more is. All of it is ASCII. */
const MAX_BAGGAGE_MEMBERS = 64;
const MAX_BAGGAGE_BYTES = 8192;

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const OCTETS = '[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]+';
const SPACE = '[ \\t]*';
/** No two repetitions meet that could match the same characters: it takes no longer than the text is. */
const PROPERTY = `${TOKEN}${SPACE}(?:=${SPACE}(?:${OCTETS}${SPACE})?)?`;
const BAGGAGE_MEMBER = new RegExp(`^${SPACE}${TOKEN}${SPACE}=${SPACE}(?:${OCTETS}${SPACE})?(?:;${SPACE}${PROPERTY})*$`);

function readBaggage(value: Json | undefined): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_BAGGAGE_BYTES) return undefined;
  const members = value.split(',');
  const isValid = members.length <= MAX_BAGGAGE_MEMBERS && members.every((member) => BAGGAGE_MEMBER.test(member));
  return isValid ? trimSpace(value) : undefined;
}

// ------------------------------------------------------------------------------------------ what upstreams are told

/** What leads from the client's trace to the platform's, where the two are not the same. */
const OWN_STATE_KEY = 'sluice';

/**
 * `spanId` is that of the request, where it is recorded. Whoever records nothing passes on what the client said, as it
 * is (W3C Trace Context, 3.4, "Mutating the traceparent Field"): a `tracestate` changes only together with its
 * `traceparent`.
 */
export function outgoingContext(ancestry: Ancestry | undefined, spanId: string | undefined): OutgoingContext {
  if (ancestry === undefined) return NO_CONTEXT;
  const { client, platform } = ancestry;
  const traceparent =
    client.parent === undefined ? platformParent(platform, spanId) : clientParent(client.parent, spanId);
  const state = spanId === undefined || platform === undefined ? client.state : withOwn(client, platform);
  const tracestate = state === undefined || client.parent === undefined ? '' : stateText(state);
  const meta: TraceContext = {
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== '' && { tracestate }),
    ...(client.baggage !== undefined && { baggage: client.baggage }),
  };
  return platform === undefined
    ? { meta, headers: meta as HttpHeaders }
    : { meta, headers: { ...meta, 'x-amzn-trace-id': awsHeader(platform, spanId) } };
}

/** Whether it is sampled there is the client's word, as it was; what is recorded here is the platform's decision alone. */
function clientParent({ traceId, parentId, flags }: Traceparent, spanId: string | undefined): string {
  return `00-${traceId}-${spanId ?? parentId}-0${flags}`;
}

/** Undefined where nobody knows a span that the upstream could be part of. */
function platformParent(platform: PlatformTrace | undefined, spanId: string | undefined): string | undefined {
  const parentId = spanId ?? platform?.parent;
  if (platform === undefined || parentId === undefined) return undefined;
  return `00-${platform.id.slice(2, 10)}${platform.id.slice(11)}-${parentId}-${platform.sampled ? '01' : '00'}`;
}

function awsHeader({ id, parent, sampled }: PlatformTrace, spanId: string | undefined): string {
  const parentId = spanId ?? parent;
  return `Root=${id};${parentId === undefined ? '' : `Parent=${parentId};`}Sampled=${sampled ? 1 : 0}`;
}

/** What is changed goes to the front (3.5, "Mutating the tracestate Field"). */
function withOwn({ state = [] }: ClientContext, { id }: PlatformTrace): readonly StateMember[] {
  const others = state.filter(({ key }) => key !== OWN_STATE_KEY);
  return [{ key: OWN_STATE_KEY, text: `${OWN_STATE_KEY}=${id}` }, ...others.slice(0, MAX_STATE_MEMBERS - 1)];
}

/** What is too much goes as a whole member: large ones first, then those at the end (3.3.1.5). Empty when none is left. */
function stateText(members: readonly StateMember[]): string {
  const whole = joined(members);
  if (whole.length <= MAX_STATE_CHARS) return whole;
  const kept = members.filter(({ text }) => text.length <= LARGE_STATE_MEMBER_CHARS);
  while (joined(kept).length > MAX_STATE_CHARS) kept.pop();
  return joined(kept);
}

function joined(members: readonly StateMember[]): string {
  return members.map(({ text }) => text).join(',');
}
