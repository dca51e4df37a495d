/** The gateway of the ledger: upstreams that fail as planned, sessions of legacy clients, and environments that end. */
import { fileURLToPath } from 'node:url';
import type { Era } from '../../../lib/protocol/era.ts';
import { seededChance } from '../../support/random.ts';
import { startTestGateway, type TestGateway } from '../../support/local-gateway.ts';
import { openLegacySession, postModern, type Headers } from '../../support/wire.ts';
import { closeAndTell } from '../clean-end.ts';
import { BROKEN_HEADER, type Breakage } from './broken-idempotency.ts';
import { Ledger } from './ledger.ts';
import type { CallPlan, FaultKind, UpstreamFault } from './plan.ts';
import { createSteering, type Steered, type Steering } from './steering.ts';
import { LedgerUpstream, type Behaviour } from './upstream.ts';

const ENTRY = fileURLToPath(new URL('mcp.ts', import.meta.url));

/** So much later than a call's limit an upstream answers that is too late, in milliseconds. */
const LATE_MS = 500;

/** So much later a client gives up on an environment that stands still. */
const STILL_MS = 1000;

/** An environment that stands still is not ended for it. */
const FUNCTION_TIMEOUT_MS = 60_000;

/** Legacy client sessions on each virtual server. */
const SESSIONS = 8;

/** Upstreams where nobody listens, for one call each at a time. */
const DARK = 6;

export interface DarkPlace {
  readonly server: string;
  readonly upstream: LedgerUpstream;
}

export interface World {
  readonly ledger: Ledger;
  /** How long a client waits for an environment that stands still, in milliseconds. */
  readonly shortPatienceMs: number;
  readonly steering: Steering;
  /** How often each kind of fault has happened. */
  readonly fired: ReadonlyMap<FaultKind, number>;
  /** Whether anything has happened to a call. */
  hasMet(call: string): boolean;
  note(kind: FaultKind, call: string): void;
  /** What is to happen at the upstream to the requests for a call. */
  expect(plan: CallPlan, steered: Steered | undefined): void;
  /** An upstream that nobody else uses until it is given back. */
  borrowDark(): Promise<DarkPlace>;
  returnDark(place: DarkPlace): void;
  sessionAt(server: string, era: Era, number: number): Headers | undefined;
  url(server: string): string;
  readonly mark: Headers;
  /** Returns what was wrong with the gateway. */
  close(): Promise<readonly string[]>;
}

interface Expected {
  readonly plan: CallPlan;
  readonly faults: UpstreamFault[];
  readonly steered: Steered | undefined;
  arrivals: number;
}

export async function openWorld(options: {
  readonly seed: number;
  readonly environments: number;
  /** Limit of a call, in milliseconds. */
  readonly timeoutMs: number;
  readonly broken?: Breakage | undefined;
}): Promise<World> {
  const ledger = new Ledger();
  const chance = seededChance(options.seed + 1);
  const fired = new Map<FaultKind, number>();
  const met = new Set<string>();
  const calls = new Map<string, Expected>();
  const mark: Headers = options.broken === undefined ? {} : { [BROKEN_HEADER]: options.broken };

  const note = (kind: FaultKind, call: string): void => {
    fired.set(kind, (fired.get(kind) ?? 0) + 1);
    met.add(call);
  };
  const behaviour: Behaviour = {
    faultOf: (call) => {
      const fault = calls.get(call)?.faults.shift();
      if (fault !== undefined) note(fault, call);
      return fault;
    },
    execute: (execution) => ledger.execute(execution),
    reached: (moment, call) => reached(calls.get(call), moment),
    fraction: () => chance.fraction(),
  };
  const lateMs = options.timeoutMs + LATE_MS;
  const upstreams = {
    both: new LedgerUpstream({ eras: 'both', lateMs }, behaviour),
    old: new LedgerUpstream({ eras: 'legacy', lateMs }, behaviour),
  };
  const dark = Array.from({ length: DARK }, (_, index): DarkPlace => {
    return { server: `dark-${index}`, upstream: new LedgerUpstream({ eras: 'both', lateMs }, behaviour) };
  });
  const all = [...Object.values(upstreams), ...dark.map(({ upstream }) => upstream)];
  await Promise.all(all.map((upstream) => upstream.start()));

  const gateway = await startTestGateway(configOf(upstreams, dark, options.timeoutMs), {
    entry: ENTRY,
    environments: options.environments,
    timeoutMs: FUNCTION_TIMEOUT_MS,
    onMessage: (environment, message) => steering.onMessage(environment, message),
  });
  const steering = createSteering((environment) => gateway.emulator.kill(environment));
  const sessions = await openSessions(gateway, mark);
  // The first calls are not to wait for their environments to start.
  await Promise.all(
    Array.from({ length: options.environments / 3 }, () => postModern(gateway.url('both'), 'tools/list')),
  );
  const free = [...dark];
  const waiting: ((place: DarkPlace) => void)[] = [];

  return {
    ledger,
    shortPatienceMs: options.timeoutMs + STILL_MS,
    steering,
    fired,
    mark,
    note,
    hasMet: (call) => met.has(call),
    expect: (plan, steered) => void calls.set(plan.id, { plan, faults: [...plan.faults], steered, arrivals: 0 }),
    borrowDark: async () => free.pop() ?? (await new Promise<DarkPlace>((resolve) => waiting.push(resolve))),
    returnDark: (place) => {
      const next = waiting.shift();
      if (next === undefined) free.push(place);
      else next(place);
    },
    sessionAt: (server, era, number) => {
      const opened = sessions.get(server) ?? [];
      return era === 'modern' ? undefined : opened[number % opened.length];
    },
    url: (server) => gateway.url(server),
    close: async () => {
      const trouble = await closeAndTell(gateway);
      await Promise.all(all.map((upstream) => upstream.stop()));
      return trouble.filter((line) => !isStoreError(line));
    },
  };
}

/** Environments end while the upstream is at it, and those that stand still go on while another executes the call. */
async function reached(expected: Expected | undefined, moment: 'arrived' | 'executed'): Promise<void> {
  if (expected === undefined) return;
  const { steered, plan } = expected;
  if (moment === 'arrived') expected.arrivals += 1;
  await steered?.reached(`upstream ${moment}`);
  const overtaken = moment === 'arrived' && expected.arrivals > 1 && steered?.stands === true;
  // The others go on when the call has ended for everybody else.
  if (overtaken && plan.tool === 'put') await steered?.letGo();
}

/** An environment that stood still has missed what the store answered meanwhile, and says so. */
function isStoreError(line: string): boolean {
  return line.includes('"defect":"StoreError"');
}

function configOf(
  { both, old }: Readonly<Record<'both' | 'old', LedgerUpstream>>,
  dark: readonly DarkPlace[],
  timeoutMs: number,
): object {
  const common = {
    prefix: '',
    timeoutMs,
    breaker: { failures: 5, openMs: 200 },
    tools: { book: { idempotent: true }, send: { idempotent: false } },
  };
  const upstreams = {
    both: { ...common, url: both.url },
    // Modern callers share a session on it.
    old: { ...common, url: old.url, isolation: 'shared', maxConcurrent: 20 },
    ...Object.fromEntries(
      dark.map(({ server, upstream }) => [server, { ...common, url: upstream.url, breaker: false }]),
    ),
  };
  const servers = Object.fromEntries(Object.keys(upstreams).map((name) => [name, { upstreams: [name] }]));
  return { upstreams, servers: { ...servers, default: { upstreams: ['both'] } } };
}

/** Every client lists the tools before it calls one, and so the gateway knows what the tools say of themselves. */
async function openSessions(gateway: TestGateway, mark: Headers): Promise<ReadonlyMap<string, readonly Headers[]>> {
  const sessions = new Map<string, readonly Headers[]>();
  for (const server of ['both', 'old', ...Array.from({ length: DARK }, (_, index) => `dark-${index}`)]) {
    const url = gateway.url(server);
    await postModern(url, 'tools/list');
    const opened: Headers[] = [];
    for (let number = 0; number < (server.startsWith('dark') ? 1 : SESSIONS); number += 1) {
      const session = await openLegacySession(url, { headers: mark });
      await session.request('tools/list', {});
      opened.push(session.headers);
    }
    sessions.set(server, opened);
  }
  return sessions;
}
