/**
 * What the console shows, as it is sent to the page: plain JSON. `GET /console/feed` is a stream of server-sent events, each
 * named after a member of `FeedEvents`; it begins with one `snapshot`. Times are milliseconds since the epoch.
 */
import type { Action } from '../../ports/action-log.ts';

/** One line of the action log, with the time as it stands there (ISO 8601). */
export type ActionLine = Omit<Action, 'time'> & { readonly time: string };

/** One span of a trace: a subsegment, as the stand-in for the X-Ray daemon has received it. */
export interface TraceSpan {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** Null for what has no parent among the spans of the trace. */
  readonly parent: string | null;
  readonly name: string;
  /** `upstream` for what is spent waiting for one: a subsegment of the namespace `remote`. */
  readonly kind: 'gateway' | 'upstream';
  /** With a fraction. */
  readonly startedAt: number;
  /** Null while it is under way. */
  readonly endedAt: number | null;
  readonly status: 'ok' | 'error' | 'throttle' | 'fault';
  /** All that is said of it, whether X-Ray can be searched by it or not. */
  readonly annotations: Readonly<Record<string, string | number | boolean>>;
}

export interface Trace {
  /** As in the action log: `1-<8 hexadecimal digits>-<24 hexadecimal digits>`. */
  readonly traceId: string;
  /** In order of their beginnings; a parent comes before its children. */
  readonly spans: readonly TraceSpan[];
}

export type EnvironmentState = 'starting' | 'busy' | 'frozen';

export interface EnvironmentView {
  /** As in the action log. */
  readonly name: string;
  readonly state: EnvironmentState;
  /** Since when it is in that state. */
  readonly since: number;
  readonly invocations: number;
}

/** Of one that is not there any more; it is not shown from then on. */
export interface EnvironmentEnd {
  readonly name: string;
  readonly state: 'gone';
}

export interface UpstreamView {
  readonly name: string;
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** Until when an open breaker refuses calls; null otherwise. */
  readonly openUntil: number | null;
  /** Failures since the last success, as the breaker counts them. */
  readonly failures: number;
}

export interface SessionView {
  /** As in the action log. */
  readonly hash: string;
  readonly server: string;
  readonly protocolVersion: string;
  /** Name of the client, as it gives it; null when it gives none. */
  readonly client: string | null;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  /** Names of the upstreams with a session attached. */
  readonly upstreams: readonly string[];
}

/** A kept list of an upstream. */
export interface CatalogView {
  readonly upstream: string;
  readonly member: string;
  readonly fetchedAt: number;
  readonly freshUntil: number;
  /** Whether a change of it is known that came after it was asked for. */
  readonly isStale: boolean;
  readonly bytes: number;
}

/** What is kept in the table, and looked up again every few seconds while somebody watches. */
export interface StateView {
  readonly upstreams: readonly UpstreamView[];
  /** Those that are used now are among them. */
  readonly sessions: readonly SessionView[];
  /** Whether there are others, which were last used before these. */
  readonly hasMoreSessions: boolean;
  readonly catalog: readonly CatalogView[];
}

/** A line of the log that is no action: a notice or a defect, with its words for the operator. */
export interface NoticeLine {
  readonly time: number;
  readonly requestId: string | null;
  readonly isTrouble: boolean;
  readonly text: string;
}

/** The last ones, the oldest first. */
export interface Snapshot extends StateView {
  readonly actions: readonly ActionLine[];
  readonly notices: readonly NoticeLine[];
  readonly environments: readonly EnvironmentView[];
}

/**
 * By name of the event. `GET /console/traces/<name>`, where the name is a trace id, the id of a request that is shown, or
 * `latest`, answers with a `Trace`, or with 204 when nothing is known of it; 404 is for what can be no such name.
 */
export interface FeedEvents {
  readonly snapshot: Snapshot;
  readonly action: ActionLine;
  readonly notice: NoticeLine;
  readonly environment: EnvironmentView | EnvironmentEnd;
  /** The whole trace, each time more of it is known. */
  readonly trace: Trace;
  readonly state: StateView;
}
