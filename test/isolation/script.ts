/** What a run of the isolation property does: clients, and the order in which things happen to them. */
import fc from 'fast-check';
import type { Stage } from '../support/tagged-upstream.ts';

export const REVISIONS = ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'] as const;
export type Revision = (typeof REVISIONS)[number];

/** Two virtual servers over one upstream. */
export const SERVERS = ['default', 'other'] as const;

export interface ClientPlan {
  readonly revision: Revision;
  readonly server: (typeof SERVERS)[number];
}

/** `client` and `pick` are taken modulo the number of clients, or of calls under way; a step without any is left out. */
export type Step =
  /** A client calls; nobody waits for the call to arrive. */
  | { readonly kind: 'begin'; readonly client: number; readonly stages: readonly Stage[] }
  /** A call may do so many more of its steps. */
  | { readonly kind: 'advance'; readonly pick: number; readonly steps: number }
  /** The run waits until a call has done what it may. */
  | { readonly kind: 'settle'; readonly pick: number }
  /** The run waits until a call has ended. */
  | { readonly kind: 'finish'; readonly pick: number }
  /** The caller gives a call up: by a notification, or in the modern era by going away. */
  | { readonly kind: 'cancel'; readonly pick: number }
  /** A client cancels a request that it has under way no more, but another may have. */
  | { readonly kind: 'stray-cancel'; readonly client: number; readonly id: number }
  /** A client answers a question that it was not asked, but another may be. */
  | { readonly kind: 'stray-answer'; readonly client: number; readonly id: number }
  | { readonly kind: 'level'; readonly client: number }
  /** The upstream forgets a client's session; only while the client has no call under way. */
  | { readonly kind: 'forget'; readonly client: number }
  /** A client ends its session and opens another; only while it has no call under way. */
  | { readonly kind: 'reconnect'; readonly client: number };

export interface Script {
  readonly clients: readonly ClientPlan[];
  readonly steps: readonly Step[];
}

export interface ScriptSize {
  /** Fewest and most. */
  readonly clients: readonly [number, number];
  readonly steps: readonly [number, number];
  /** Each takes a second or two: an environment looks for cancellations that often. */
  readonly cancels: boolean;
  /** Whether sessions are forgotten and replaced. */
  readonly restarts: boolean;
}

export function scripts({ clients, steps, cancels, restarts }: ScriptSize): fc.Arbitrary<Script> {
  const client = fc.nat({ max: clients[1] - 1 });
  const pick = fc.nat({ max: 9 });
  const id = fc.integer({ min: 1, max: 3 });
  const stages = fc.array(fc.constantFrom<Stage>('progress', 'log', 'ask'), { maxLength: 3 });
  const step = (kind: Step['kind'], rest: object): fc.Arbitrary<Step> =>
    fc.record({ kind: fc.constant(kind), ...rest }) as unknown as fc.Arbitrary<Step>;
  return fc.record({
    clients: fc.array(fc.record({ revision: fc.constantFrom(...REVISIONS), server: fc.constantFrom(...SERVERS) }), {
      minLength: clients[0],
      maxLength: clients[1],
    }),
    steps: fc.array(
      fc.oneof(
        { weight: 12, arbitrary: step('begin', { client, stages }) },
        { weight: 12, arbitrary: step('advance', { pick, steps: fc.integer({ min: 1, max: 4 }) }) },
        { weight: 6, arbitrary: step('settle', { pick }) },
        { weight: 8, arbitrary: step('finish', { pick }) },
        { weight: 2, arbitrary: step('stray-answer', { client, id }) },
        { weight: 2, arbitrary: step('level', { client }) },
        { weight: restarts ? 1 : 0, arbitrary: step('forget', { client }) },
        { weight: restarts ? 1 : 0, arbitrary: step('reconnect', { client }) },
        { weight: 4, arbitrary: step('stray-cancel', { client, id }) },
        { weight: cancels ? 2 : 0, arbitrary: step('cancel', { pick }) },
      ),
      { minLength: steps[0], maxLength: steps[1], size: 'max' },
    ),
  });
}

/** For people who look at a counterexample. */
export function describeScript({ clients, steps }: Script): string {
  const lines = [
    ...clients.map(({ revision, server }, index) => `client ${index}: ${revision} on ${server}`),
    ...steps.map(({ kind, ...rest }) => `${kind} ${JSON.stringify(rest)}`),
  ];
  return lines.map((line) => `  ${line}`).join('\n');
}
