/**
 * Announcements: notifications of changes, which belong to no request. A legacy client gets them on a stream of its own
 * (2025-11-25, basic/transports), a modern one within a subscription, whose id each of them carries (2026-07-28,
 * basic/patterns/subscriptions).
 */
import { isObject, notificationText, type Json, type JsonObject } from './message.ts';
import type { NotificationMessage, RequestMessage } from './message.ts';
import { ANNOUNCED_LISTS, RESOURCE_UPDATED, type AnnouncedList } from './methods.ts';
import { META } from './modern/envelope.ts';

/** Which changes somebody wants to be told of. */
export interface ListenFilter {
  readonly lists: readonly AnnouncedList[];
  /** URIs of resources. */
  readonly uris: readonly string[];
}

/** A client may ask for this many resources at a time. */
export const MAX_SUBSCRIPTIONS = 100;

/** Longer URIs cannot be subscribed to, in bytes of JSON text: they are kept. */
const MAX_URI_BYTES = 2048;

const FIELDS: Readonly<Record<AnnouncedList, string>> = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
};

export function isSubscribable(uri: string): boolean {
  return uri !== '' && Buffer.byteLength(JSON.stringify(uri)) <= MAX_URI_BYTES;
}

export type FilterOutcome =
  | { readonly kind: 'valid'; readonly filter: ListenFilter }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Reads the filter of `subscriptions/listen`; fields that it does not know are not honoured. */
export function readFilter(params: JsonObject | undefined): FilterOutcome {
  const notifications = params?.['notifications'];
  if (!isObject(notifications)) return invalid('params.notifications must be an object');
  for (const field of Object.values(FIELDS)) {
    const wanted = notifications[field];
    if (wanted !== undefined && typeof wanted !== 'boolean') return invalid(`notifications.${field} must be a boolean`);
  }
  const uris = notifications['resourceSubscriptions'] ?? [];
  if (!isListOfTexts(uris)) return invalid('notifications.resourceSubscriptions must be a list of URIs');
  if (uris.length > MAX_SUBSCRIPTIONS) {
    return invalid(`notifications.resourceSubscriptions names more than ${MAX_SUBSCRIPTIONS} resources`);
  }
  if (!uris.every(isSubscribable)) return invalid(UNSUBSCRIBABLE);
  const lists = ANNOUNCED_LISTS.filter((list) => notifications[FIELDS[list]] === true);
  return { kind: 'valid', filter: { lists, uris: [...new Set(uris)] } };
}

/** Why a URI cannot be subscribed to. */
export const UNSUBSCRIBABLE = `A URI to subscribe to has 1 to ${MAX_URI_BYTES} bytes`;

function invalid(reason: string): FilterOutcome {
  return { kind: 'invalid', reason };
}

function isListOfTexts(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** The filter as `subscriptions/listen` has it. */
export function filterParams({ lists, uris }: ListenFilter): JsonObject {
  return {
    ...Object.fromEntries(lists.map((list) => [FIELDS[list], true])),
    ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }),
  };
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

/** The resources of a subscription that its server acknowledges; none for any other message. */
export function acknowledgedUris({ method, params }: NotificationMessage | RequestMessage): readonly string[] {
  const notifications = method === ACKNOWLEDGED ? params?.['notifications'] : undefined;
  const uris = isObject(notifications) ? (notifications['resourceSubscriptions'] ?? []) : [];
  return isListOfTexts(uris) ? uris : [];
}

/** The first message of a subscription, with what of the filter is honoured; `idText` is that of the request. */
export function acknowledgedText(filter: ListenFilter, idText: string): string {
  return tagged(ACKNOWLEDGED, { notifications: filterParams(filter) }, idText);
}

/** Without a subscription for a legacy client. */
export function listChangedText(list: AnnouncedList, idText?: string): string {
  return tagged(`notifications/${list}/list_changed`, undefined, idText);
}

export function updatedText(uri: string, idText?: string): string {
  return tagged(RESOURCE_UPDATED, { uri }, idText);
}

/** The end of a subscription that its server ends (2026-07-28, basic/patterns/subscriptions, "Graceful Closure"). */
export function listenResultText(idText: string): string {
  return `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete","_meta":${metaText(idText)}}}`;
}

/** The id goes in as it was written, so that large numbers survive. */
function tagged(method: string, params: JsonObject | undefined, idText: string | undefined): string {
  if (idText === undefined) return notificationText(method, params);
  const members = params === undefined ? '' : `,${JSON.stringify(params).slice(1, -1)}`;
  return `{"jsonrpc":"2.0","method":"${method}","params":{"_meta":${metaText(idText)}${members}}}`;
}

function metaText(idText: string): string {
  return `{"${META.subscriptionId}":${idText}}`;
}
