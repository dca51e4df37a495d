/** What happens to which call: decided before anything runs, by a seed. */
import type { Era } from '../../../lib/protocol/era.ts';
import { seededChance, type Chance } from '../../support/random.ts';

export const FAULT_KINDS = [
  /** Nobody listens. */
  'refuse',
  /** The connection is reset: before the call is executed, or after. */
  'reset-before',
  'reset-after',
  /** The answer comes when the call's time is over, and the execution then or before. */
  'delay',
  /** 429, with `Retry-After`. */
  'throttle',
  /** 500: before the call is executed, or after. */
  'error-before',
  'error-after',
  /** 503, and nothing executed. */
  'unavailable',
  /** The call is executed and its answer cut short: in the middle of JSON, or of a stream before the response. */
  'cut-json',
  'cut-stream',
  /** The environment is ended. */
  'kill',
  /** The environment stands still for longer than its call may take, and then goes on. */
  'stall',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** What an upstream does with one of the requests that it gets. */
export type UpstreamFault = Exclude<FaultKind, 'refuse' | 'kill' | 'stall'>;

export function isUpstreamFault(kind: FaultKind): kind is UpstreamFault {
  return kind !== 'refuse' && kind !== 'kill' && kind !== 'stall';
}

/** Where environments are ended: fault points, and what the upstream sees. */
export const KILL_POINTS = [
  'idempotency.begin before',
  'idempotency.begin after',
  'POST tools/call before',
  'upstream arrived',
  'upstream executed',
  'POST tools/call after',
  'POST tools/call chunk',
  'idempotency.complete before',
  'idempotency.complete after',
  'answer before',
] as const;

export type KillPoint = (typeof KILL_POINTS)[number];

export const TOOLS = ['pay', 'send', 'put', 'book', 'look'] as const;

/**
 * `pay` says nothing of itself. `send` says that it is idempotent, and the operator that it is not. `put` says that it is
 * idempotent, `book` says nothing and the operator says so, and `look` says that it only reads.
 */
export type Tool = (typeof TOOLS)[number];

/** Whether running it twice does more than running it once. */
export function isUnsafe(tool: Tool): boolean {
  return tool === 'pay' || tool === 'send';
}

/** How a call says its key. */
export const KEY_FORMS = ['header', 'quoted-header', 'meta', 'param'] as const;
export type KeyForm = (typeof KEY_FORMS)[number];

export interface CallPlan {
  readonly id: string;
  readonly number: number;
  readonly tool: Tool;
  readonly era: Era;
  readonly keyForm: KeyForm;
  /** Unguessable enough for an anonymous caller without a session. */
  readonly key: string;
  /** Whether the upstream has the legacy era only. */
  readonly old: boolean;
  /** Which of its era's sessions it is in. */
  readonly session: number;
  readonly progress: boolean;
  /** Sent twice at the same moment. */
  readonly twice: boolean;
  /** Sent once more when it has its answer. */
  readonly again: boolean;
  /** What happens to the first attempt. */
  readonly first: 'refuse' | 'stall' | 'kill' | undefined;
  /** Where, if the first attempt is killed. */
  readonly killAt: KillPoint | undefined;
  /** What the upstream does with the requests that it gets for this call, one after the other; then it just answers. */
  readonly faults: readonly UpstreamFault[];
  /** A number of the call's own, for what is left open above. */
  readonly die: number;
}

export interface PlanOptions {
  readonly calls: number;
  readonly seed: number;
  /** Which faults there are; all when left out. */
  readonly kinds?: readonly FaultKind[];
  /** Of a hundred calls, how many meet each kind. */
  readonly percentOfEach?: number;
  readonly tools?: readonly Tool[];
  readonly killPoints?: readonly KillPoint[];
}

const PERCENT_OF_EACH = 4;

/** Some happen often, so that calls which may not run twice are most of them. */
const TOOLS_BY_WEIGHT: readonly Tool[] = ['pay', 'pay', 'pay', 'send', 'put', 'put', 'book', 'look'];

export function planCalls(options: PlanOptions): readonly CallPlan[] {
  const chance = seededChance(options.seed);
  const { kinds = FAULT_KINDS, percentOfEach = PERCENT_OF_EACH } = options;
  const each = Math.ceil((options.calls * percentOfEach) / 100);
  const faults = kinds.flatMap((kind) => Array.from({ length: each }, () => kind)).slice(0, options.calls);
  const none = Array.from({ length: options.calls - faults.length }, () => undefined);
  let kills = 0;
  return chance.shuffled<FaultKind | undefined>([...faults, ...none]).map((kind, index) => {
    const points = options.killPoints ?? KILL_POINTS;
    const killAt = kind === 'kill' ? points[kills++ % points.length] : undefined;
    return planCall(index + 1, kind, killAt, options.tools ?? TOOLS_BY_WEIGHT, chance);
  });
}

function planCall(
  number: number,
  kind: FaultKind | undefined,
  killAt: KillPoint | undefined,
  tools: readonly Tool[],
  chance: Chance,
): CallPlan {
  const first = kind === undefined || isUpstreamFault(kind) ? undefined : kind;
  const faults = kind !== undefined && isUpstreamFault(kind) ? [kind] : [];
  // A call may be unlucky twice.
  if (faults.length > 0 && chance.below(4) === 0) faults.push(chance.pick(FAULT_KINDS.filter(isUpstreamFault)));
  return {
    id: `call-${number}`,
    number,
    tool: chance.pick(tools),
    era: number % 2 === 0 ? 'modern' : 'legacy',
    keyForm: KEY_FORMS[Math.floor(number / 2) % KEY_FORMS.length]!,
    key: `key-${number}-${chance.below(1e9)}-of-the-ledger`,
    old: first !== 'refuse' && chance.below(3) === 0,
    session: chance.below(1000),
    progress: chance.below(2) === 0,
    twice: chance.below(5) === 0 && first !== 'refuse' && first !== 'stall',
    again: chance.below(4) === 0 || first === 'stall',
    first,
    killAt,
    faults,
    die: chance.fraction(),
  };
}
