/** What the page knows: everything that the feed has said, put together. Pure, so that it can be tested anywhere. */
import type { ActionLine, EnvironmentView, FeedEvents, NoticeLine, Snapshot, StateView, Trace } from '../feed.ts';

/** An action with a name of its own, which is the same after a reconnection. */
export interface ActionRow {
  /** The request's id, and a number from the second line of that request on. */
  readonly key: string;
  /** Counts the lines of the request, from 1 on. */
  readonly number: number;
  readonly line: ActionLine;
}

export interface ConsoleState extends StateView {
  /** How many snapshots there were: 0 before the first one, more than one after a reconnection. */
  readonly snapshots: number;
  /** The newest first. */
  readonly actions: readonly ActionRow[];
  /** The newest first. */
  readonly notices: readonly NoticeLine[];
  /** Those that are there, in the order of their names. */
  readonly environments: readonly EnvironmentView[];
  /** Those that the feed has sent since the last snapshot, by id, the one that changed last at the end. */
  readonly traces: ReadonlyMap<string, Trace>;
}

/** An event of the feed with its name. */
export type FeedEvent = {
  [Name in keyof FeedEvents]: { readonly name: Name; readonly data: FeedEvents[Name] };
}[keyof FeedEvents];

export const MOST_ACTIONS = 500;
export const MOST_NOTICES = 200;
export const MOST_TRACES = 100;

export const NOTHING_YET: ConsoleState = {
  snapshots: 0,
  actions: [],
  notices: [],
  environments: [],
  traces: new Map(),
  upstreams: [],
  sessions: [],
  hasMoreSessions: false,
  catalog: [],
};

/** The state after an event. A snapshot replaces everything. */
export function reduce(state: ConsoleState, event: FeedEvent): ConsoleState {
  switch (event.name) {
    case 'snapshot':
      return fromSnapshot(event.data, state.snapshots + 1);
    case 'action':
      return { ...state, actions: withAction(state.actions, event.data).slice(0, MOST_ACTIONS) };
    case 'notice':
      return { ...state, notices: [event.data, ...state.notices].slice(0, MOST_NOTICES) };
    case 'environment':
      return { ...state, environments: withEnvironment(state.environments, event.data) };
    case 'trace':
      return { ...state, traces: withTrace(state.traces, event.data) };
    case 'state':
      return { ...state, ...kept(event.data) };
  }
}

function fromSnapshot(snapshot: Snapshot, snapshots: number): ConsoleState {
  const { actions, notices, environments } = snapshot;
  return {
    snapshots,
    actions: actions.slice(-MOST_ACTIONS).reduce<readonly ActionRow[]>(withAction, []),
    notices: notices.slice(-MOST_NOTICES).toReversed(),
    environments: environments.reduce<readonly EnvironmentView[]>(withEnvironment, []),
    traces: new Map(),
    ...kept(snapshot),
  };
}

function kept({ upstreams, sessions, hasMoreSessions, catalog }: StateView): StateView {
  return { upstreams, sessions, hasMoreSessions, catalog };
}

function withAction(actions: readonly ActionRow[], line: ActionLine): readonly ActionRow[] {
  // The newest line of the request has the highest number; older ones may be gone.
  const last = actions.find((row) => row.line.requestId === line.requestId);
  const number = last === undefined ? 1 : last.number + 1;
  return [{ key: number === 1 ? line.requestId : `${line.requestId} ${number}`, number, line }, ...actions];
}

function withEnvironment(
  environments: readonly EnvironmentView[],
  changed: FeedEvents['environment'],
): readonly EnvironmentView[] {
  const others = environments.filter(({ name }) => name !== changed.name);
  if (changed.state === 'gone') return others;
  return [...others, changed].toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

function withTrace(traces: ReadonlyMap<string, Trace>, trace: Trace): ReadonlyMap<string, Trace> {
  const others = [...traces].filter(([id]) => id !== trace.traceId);
  return new Map([...others, [trace.traceId, trace] as const].slice(-MOST_TRACES));
}
