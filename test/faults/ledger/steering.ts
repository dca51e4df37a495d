/** Ends the environments of calls, or lets them stand still, at the points where it is planned. */
import { openGate } from '../../support/signal-box.ts';
import type { Signal } from '../../support/signals.ts';
import { SETTLED } from '../fault-points.ts';
import type { KillPoint } from './plan.ts';

/** Where an environment stands still: it knows how its call has ended, and has yet to write it down. */
const STALL_POINTS: ReadonlySet<string> = new Set([
  'idempotency.complete before',
  'idempotency.leaveUnknown before',
  'idempotency.release before',
]);

export interface Steered {
  /** Whether its environment was ended, or stood still. */
  readonly fired: boolean;
  /** Whether its environment stands still now. */
  readonly stands: boolean;
  /** Lets its environment go on; resolves when that is done with the request. */
  letGo(): Promise<void>;
  /** Asked by the upstream, which is a place for ends as well. */
  reached(point: KillPoint): Promise<void>;
  /** Every further point is passed. */
  finish(): Promise<void>;
}

export interface Steering {
  /** What environments post. */
  onMessage(environment: string, message: unknown): void;
  /** The request whose run header has this value is ended at a point, or stands still. */
  begin(run: string, at: KillPoint | 'stall'): Steered;
}

interface Run {
  readonly at: KillPoint | 'stall';
  environment: string | undefined;
  fired: boolean;
  held: Signal | undefined;
  /** Whether the environment is done with the request, or was ended. */
  readonly over: PromiseWithResolvers<void>;
}

export function createSteering(kill: (environment: string) => Promise<unknown>): Steering {
  const runs = new Map<unknown, Run>();

  async function end(run: Run): Promise<void> {
    run.fired = true;
    if (run.environment !== undefined) await kill(run.environment);
    run.over.resolve();
  }

  function pass(run: Run, signal: Signal): void {
    openGate(signal);
    if (signal.name === SETTLED) run.over.resolve();
  }

  return {
    onMessage(environment, message) {
      const signal = message as Signal;
      const run = runs.get(signal.value);
      if (run === undefined) return openGate(signal);
      run.environment = environment;
      if (run.fired) return pass(run, signal);
      if (signal.name === run.at) return void end(run);
      if (run.at !== 'stall' || !STALL_POINTS.has(signal.name)) return pass(run, signal);
      run.fired = true;
      run.held = signal;
    },
    begin(id, at) {
      const run: Run = { at, environment: undefined, fired: false, held: undefined, over: Promise.withResolvers() };
      runs.set(id, run);
      const letGo = async (): Promise<void> => {
        const { held } = run;
        if (held === undefined) return;
        run.held = undefined;
        pass(run, held);
        await run.over.promise;
      };
      return {
        get fired() {
          return run.fired;
        },
        get stands() {
          return run.held !== undefined;
        },
        letGo,
        reached: async (point) => {
          if (point === at && !run.fired) await end(run);
        },
        finish: async () => {
          await letGo();
          runs.delete(id);
        },
      };
    },
  };
}
