/** What the console knows, and who watches it. Hears of everything in the main process of the local gateway. */
import type { Clock } from '../../ports.ts';
import { readLogLine } from '../log/line.ts';
import { startSchedule, type Schedule } from '../schedule.ts';
import type { SegmentDocument } from '../xray/document.ts';
import { Traces } from '../xray/traces.ts';
import type { EnvironmentEnd, EnvironmentView, FeedEvents, Snapshot, Trace } from './feed.ts';
import { platformNotice, Recent, toNotice } from './recent.ts';
import { nothingKnown, toStateView, type LookedUp } from './state.ts';

/** Told of each event after the snapshot. */
export type Watcher = <Name extends keyof FeedEvents>(name: Name, data: FeedEvents[Name]) => void;

export interface ConsoleOptions {
  readonly clock: Pick<Clock, 'now' | 'elapsed' | 'schedule'>;
  /** Names of the upstreams that are shown, as long as nothing has been looked up. */
  readonly upstreams: readonly string[];
}

/** How often the table is looked up while somebody watches, in milliseconds. */
const LOOK_MS = 2000;
/** Documents of a trace come together: they are told together, after so many milliseconds. */
const TRACE_MS = 50;
/** A trace is told as a whole, each time more of it is known: one event is far from what a reader may be behind. */
const TRACE_LIMITS = { traces: 200, spans: 1000, traceChars: 512 * 1024, chars: 32 * 1024 * 1024 };

export class Console {
  readonly #options: ConsoleOptions;
  readonly #recent = new Recent();
  readonly #traces = new Traces(TRACE_LIMITS);
  readonly #environments = new Map<string, EnvironmentView>();
  readonly #watchers = new Set<Watcher>();
  /** Traces of which more is known than watchers have been told. */
  readonly #untold = new Set<string>();
  #lookedUp: LookedUp;
  #lookUp: (() => Promise<LookedUp>) | undefined;
  #looking: Schedule | undefined;
  #lookFailed = false;
  #toldState = '';

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#lookedUp = nothingKnown(options.upstreams);
  }

  /** A line of the log in JSON; others are passed over. */
  hearLine(text: string): void {
    const logLine = readLogLine(text);
    if (logLine === undefined) return;
    if (logLine.kind === 'action') {
      this.#recent.addAction(logLine.line);
      this.#tell('action', logLine.line);
    } else {
      this.#addNotice(toNotice(logLine));
    }
  }

  /** A line of the platform's own log. */
  hearPlatform(line: string): void {
    this.#addNotice(platformNotice(this.#options.clock.now(), line));
  }

  hearDocument(document: SegmentDocument): void {
    this.#traces.add(document);
    if (this.#watchers.size === 0) return;
    if (this.#untold.size === 0) this.#options.clock.schedule(TRACE_MS, () => this.#tellTraces());
    this.#untold.add(document.traceId);
  }

  hearEnvironment(heard: Omit<EnvironmentView, 'since'> | EnvironmentEnd): void {
    if (heard.state === 'gone') {
      this.#environments.delete(heard.name);
      return this.#tell('environment', { name: heard.name, state: heard.state });
    }
    const view = { ...heard, since: this.#options.clock.now() };
    this.#environments.set(view.name, view);
    this.#tell('environment', view);
  }

  /** From now on the table is looked up while somebody watches. `lookUp` rejects with what the stores throw. */
  openTable(lookUp: () => Promise<LookedUp>): void {
    this.#lookUp = lookUp;
    if (this.#watchers.size > 0) this.#startLooking();
  }

  /** Returns what is known by now, and what ends the watch; `watcher` is told of what comes after it. */
  watch(watcher: Watcher): { readonly snapshot: Snapshot; readonly end: () => void } {
    this.#watchers.add(watcher);
    const snapshot = this.snapshot();
    this.#startLooking();
    return {
      snapshot,
      end: () => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size === 0) void this.#stopLooking();
      },
    };
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  snapshot(): Snapshot {
    const { actions, notices } = this.#recent;
    return {
      actions: [...actions],
      notices: [...notices],
      environments: [...this.#environments.values()],
      ...toStateView(this.#lookedUp),
    };
  }

  /** By its id, by the id of a request that is shown, or the latest one; undefined when nothing is known of it. */
  trace(id: string): Trace | undefined {
    if (id === 'latest') return this.#traces.latest;
    return this.#traces.find(id) ?? this.#traces.find(this.#recent.traceOf(id) ?? '');
  }

  /** Settles when nothing is looked up any more. */
  async close(): Promise<void> {
    this.#watchers.clear();
    await this.#stopLooking();
  }

  #addNotice(notice: FeedEvents['notice']): void {
    this.#recent.addNotice(notice);
    this.#tell('notice', notice);
  }

  #tell<Name extends keyof FeedEvents>(name: Name, data: FeedEvents[Name]): void {
    for (const watcher of this.#watchers) watcher(name, data);
  }

  #tellTraces(): void {
    const traceIds = [...this.#untold];
    this.#untold.clear();
    for (const traceId of traceIds) {
      const trace = this.#traces.find(traceId);
      if (trace !== undefined) this.#tell('trace', trace);
    }
  }

  #startLooking(): void {
    const lookUp = this.#lookUp;
    if (lookUp === undefined || this.#looking !== undefined) return;
    this.#toldState = '';
    this.#looking = startSchedule(this.#options.clock, LOOK_MS, () => this.#look(lookUp));
  }

  async #stopLooking(): Promise<void> {
    const looking = this.#looking;
    this.#looking = undefined;
    await looking?.close();
  }

  /** Never rejects. What could not be looked up is shown as it was, and the first time the watchers are told so. */
  async #look(lookUp: () => Promise<LookedUp>): Promise<void> {
    try {
      this.#lookedUp = await lookUp();
      this.#lookFailed = false;
    } catch (error) {
      if (!this.#lookFailed) this.hearPlatform(`The state cannot be looked up: ${String(error)}`);
      this.#lookFailed = true;
    }
    const state = toStateView(this.#lookedUp);
    const told = JSON.stringify(state);
    if (told === this.#toldState) return;
    this.#toldState = told;
    this.#tell('state', state);
  }
}
