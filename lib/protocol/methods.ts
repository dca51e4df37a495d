/**
 * Every method the gateway carries. A method that is not here is -32601, in either era and in either direction.
 */
import type { Era } from './era.ts';

/**
 * Who answers: the gateway itself, one upstream, all of them merged, or whoever waits for what is delivered. Whoever
 * wants to be told of changes gets a stream (`listen`) or has its wish kept (`subscribe`).
 */
export type PlanKind = 'answer' | 'one' | 'all' | 'deliver' | 'listen' | 'subscribe';

/** Which field of `params` names what the call is for. */
export type TargetField = 'tool' | 'prompt' | 'resource' | 'reference';

/** The member of a list result that holds the list. */
export type ListMember = 'tools' | 'prompts' | 'resources' | 'resourceTemplates';

export interface MethodRule {
  readonly eras: readonly Era[];
  readonly plan: PlanKind;
  readonly target?: TargetField;
  readonly list?: ListMember;
  /** Results carry `ttlMs` and `cacheScope` in the modern era (2026-07-28, server/utilities/caching). */
  readonly cacheable: boolean;
}

const both = ['modern', 'legacy'] as const;
const legacy = ['legacy'] as const;

const requests: Readonly<Record<string, MethodRule>> = {
  initialize: { eras: legacy, plan: 'answer', cacheable: false },
  ping: { eras: legacy, plan: 'answer', cacheable: false },
  'server/discover': { eras: ['modern'], plan: 'answer', cacheable: true },
  'tools/list': { eras: both, plan: 'all', list: 'tools', cacheable: true },
  'prompts/list': { eras: both, plan: 'all', list: 'prompts', cacheable: true },
  'resources/list': { eras: both, plan: 'all', list: 'resources', cacheable: true },
  'resources/templates/list': { eras: both, plan: 'all', list: 'resourceTemplates', cacheable: true },
  'tools/call': { eras: both, plan: 'one', target: 'tool', cacheable: false },
  'prompts/get': { eras: both, plan: 'one', target: 'prompt', cacheable: false },
  'resources/read': { eras: both, plan: 'one', target: 'resource', cacheable: true },
  'resources/subscribe': { eras: legacy, plan: 'subscribe', target: 'resource', cacheable: false },
  'resources/unsubscribe': { eras: legacy, plan: 'subscribe', target: 'resource', cacheable: false },
  'subscriptions/listen': { eras: ['modern'], plan: 'listen', cacheable: false },
  'completion/complete': { eras: both, plan: 'one', target: 'reference', cacheable: false },
  'logging/setLevel': { eras: legacy, plan: 'all', cacheable: false },
};

const notifications: Readonly<Record<string, MethodRule>> = {
  'notifications/initialized': { eras: legacy, plan: 'answer', cacheable: false },
  'notifications/cancelled': { eras: legacy, plan: 'deliver', cacheable: false },
  'notifications/roots/list_changed': { eras: legacy, plan: 'all', cacheable: false },
  'notifications/progress': { eras: legacy, plan: 'all', cacheable: false },
};

export function requestRule(method: string, era: Era): MethodRule | undefined {
  return ruleOf(requests, method, era);
}

export function notificationRule(method: string, era: Era): MethodRule | undefined {
  return ruleOf(notifications, method, era);
}

function ruleOf(table: Readonly<Record<string, MethodRule>>, method: string, era: Era): MethodRule | undefined {
  const rule = Object.hasOwn(table, method) ? table[method] : undefined;
  return rule?.eras.includes(era) ? rule : undefined;
}

/** The method that lists these. */
export const LIST_METHODS: Readonly<Record<ListMember, string>> = {
  tools: 'tools/list',
  prompts: 'prompts/list',
  resources: 'resources/list',
  resourceTemplates: 'resources/templates/list',
};

/** The lists whose changes have a notification of their own; that of the resources is about their templates, too. */
export const ANNOUNCED_LISTS = ['tools', 'prompts', 'resources'] as const;
export type AnnouncedList = (typeof ANNOUNCED_LISTS)[number];

/** The lists that a notification says to have changed. */
export function listsChangedBy(notification: string): readonly ListMember[] {
  switch (notification) {
    case 'notifications/tools/list_changed':
      return ['tools'];
    case 'notifications/prompts/list_changed':
      return ['prompts'];
    case 'notifications/resources/list_changed':
      return ['resources', 'resourceTemplates'];
    default:
      return [];
  }
}

export const RESOURCE_UPDATED = 'notifications/resources/updated';

/** Notifications that announce a change rather than belong to a request; they travel on streams of their own. */
const announcements = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  RESOURCE_UPDATED,
]);

export function belongsToRequest(notification: string): boolean {
  return !announcements.has(notification);
}

/** Questions that a legacy server may put to its client on the stream of a call. */
const serverRequests = new Set(['sampling/createMessage', 'elicitation/create', 'roots/list', 'ping']);

export function isServerRequest(method: string): boolean {
  return serverRequests.has(method);
}

/** RFC 5424 severities, as `logging/setLevel` and `io.modelcontextprotocol/logLevel` take them, least severe first. */
export const LOG_LEVELS: readonly string[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

export function isLogLevel(value: unknown): value is string {
  return typeof value === 'string' && LOG_LEVELS.includes(value);
}
