/** What an invocation has done, as figures. Names of tools, callers and sessions are in none of them. */
import type { Failure } from '../../errors.ts';
import type { Action } from '../../ports/action-log.ts';
import type { MetricName } from '../lambda/names.ts';
import { layerOf, type Layer } from './layer.ts';
import type { Logged } from './measured-log.ts';

export interface Figure {
  readonly name: MetricName;
  readonly unit: 'Count' | 'Milliseconds';
  readonly value: number;
}

/** Figures of what was logged; `upstream` is its configured name, null when it is about no single one. */
export interface Observation {
  readonly upstream: string | null;
  readonly figures: readonly Figure[];
}

const ERRORS: Readonly<Record<Layer, MetricName>> = {
  gateway: 'GatewayErrors',
  upstream: 'UpstreamErrors',
  tool: 'ToolErrors',
  client: 'ClientErrors',
};

const TIMEOUTS: ReadonlySet<string | null> = new Set([
  'upstream-connect-timeout',
  'upstream-timeout',
  'upstream-idle',
  'invocation-ending',
] satisfies Failure['kind'][]);

/** Streams that last for as long as somebody listens: their time says nothing about speed. */
const LISTENING: ReadonlySet<string | null> = new Set(['GET', 'subscriptions/listen']);

/**
 * Of one invocation. What did not happen is left out, so that a metric costs nothing in an hour without it: calls are
 * counted as the samples of `GatewayMs`.
 */
export function observationsOf(logged: readonly Logged[], isColdStart: boolean): readonly Observation[] {
  const actions = logged.filter((one): one is Action => !('kind' in one));
  const beside = logged.filter((one): one is Exclude<Logged, Action> => 'kind' in one);
  const cold: Observation = { upstream: null, figures: [count('ColdStarts')] };
  return [
    ...actions.flatMap(observationOfAction),
    ...[...Map.groupBy(actions, ({ requestId }) => requestId).values()].flatMap(storeRequestsOf),
    ...beside.flatMap(observationBeside),
    ...(isColdStart ? [cold] : []),
  ];
}

/**
 * Of the messages of one HTTP request, whose lines all say how many requests to DynamoDB it had taken by then: the last of
 * them says it for all. Which upstream that was for can be said where all were for the same.
 */
function storeRequestsOf(actions: readonly Action[]): readonly Observation[] {
  const figures = counted('DynamodbRequests', Math.max(...actions.map(({ dynamodbRequests }) => dynamodbRequests)));
  const upstreams = new Set(actions.map(({ upstream }) => upstream));
  const upstream = upstreams.size === 1 ? actions[0]!.upstream : null;
  return figures.length === 0 ? [] : [{ upstream, figures }];
}

function observationOfAction(action: Action): readonly Observation[] {
  const figures = figuresOfAction(action);
  return figures.length === 0 ? [] : [{ upstream: action.upstream, figures }];
}

function figuresOfAction(action: Action): readonly Figure[] {
  const { errorKind, outcome, attempt } = action;
  const layer = layerOf(action);
  const isFailure = layer !== undefined;
  return [
    ...timesOf(action),
    ...(isFailure ? [count(ERRORS[layer])] : []),
    ...counted('Cancelled', Number(outcome === 'cancelled')),
    ...counted('Timeouts', Number(isFailure && TIMEOUTS.has(errorKind))),
    ...counted('Retries', Math.max(0, attempt - 1)),
    ...counted('Replays', Number(action.replayed)),
    ...counted('BreakerOpen', Number(errorKind === 'breaker-open')),
    ...counted('ToolsHeld', Number(errorKind === 'tool-held')),
  ];
}

function timesOf({ method, gatewayMs, upstreamMs, upstreamRequests }: Action): readonly Figure[] {
  if (LISTENING.has(method)) return [];
  const own = milliseconds('GatewayMs', gatewayMs);
  return upstreamRequests > 0 ? [own, milliseconds('UpstreamMs', upstreamMs)] : [own];
}

function observationBeside(notice: Exclude<Logged, Action>): readonly Observation[] {
  switch (notice.kind) {
    case 'defect':
      return [{ upstream: null, figures: [count('Defects')] }];
    case 'breaker-opened':
      return [{ upstream: notice.upstream, figures: [count('BreakerOpen')] }];
    case 'breaker-closed':
      return [{ upstream: notice.upstream, figures: [count('BreakerOpen', 0)] }];
    case 'outcome-unknown':
      return [{ upstream: notice.upstream, figures: [count('UnknownOutcomes')] }];
    case 'tool-held':
      return [{ upstream: notice.upstream, figures: [count('ToolsHeld')] }];
    case 'upstream-unavailable':
    case 'list-changed':
    case 'claim-lost':
    case 'name-too-long':
    case 'secret-unavailable':
      return [];
  }
}

function count(name: MetricName, value = 1): Figure {
  return { name, unit: 'Count', value };
}

/** Nothing when there is nothing to be counted. */
function counted(name: MetricName, value: number): readonly Figure[] {
  return value > 0 ? [count(name, value)] : [];
}

function milliseconds(name: MetricName, value: number): Figure {
  return { name, unit: 'Milliseconds', value };
}
