/** A call of a legacy client on its way through the gateway's inside, with its upstream in memory. */
import { onTestFinished } from 'vitest';
import { createMemoryStores } from '../../lib/adapters/memory/stores.ts';
import { cryptoIds } from '../../lib/adapters/node/ids.ts';
import { executeOnce } from '../../lib/adapters/powertools/execute-once.ts';
import { noopTracer } from '../../lib/adapters/xray/tracer.ts';
import { authenticate } from '../../lib/auth/caller.ts';
import { UNSAID } from '../../lib/config/load.ts';
import type { ServerUpstream } from '../../lib/catalog/plan.ts';
import { connectionTools, eraTools } from '../../lib/gateway/connection-tools.ts';
import type { Errand, LegacyScope } from '../../lib/gateway/errand.ts';
import type { Line } from '../../lib/gateway/upstream-call.ts';
import { keeperFor } from '../../lib/gateway/upstream-sessions.ts';
import { Visit } from '../../lib/gateway/visit.ts';
import { allUpstreams, newShared } from '../../lib/gateway/work.ts';
import { startDeadline, type Deadline } from '../../lib/policies/deadline.ts';
import type { Ports } from '../../lib/ports.ts';
import type { ClientSession } from '../../lib/ports/client-sessions.ts';
import type { Stores } from '../../lib/ports/stores.ts';
import { NO_SPAN } from '../../lib/ports/tracer.ts';
import { newTally } from '../../lib/upstream/fault.ts';
import { configOf, withUpstream } from '../config/sample.ts';
import { clientSession, upstreamSession } from '../contract/samples.ts';
import { callOf, requestText } from '../protocol/samples.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { createMemoryTransport, type Answer } from '../support/memory-transport.ts';

export interface OpenErrand {
  readonly errand: Errand;
  readonly line: Line;
  readonly visit: Visit;
  readonly upstream: ServerUpstream;
  readonly clock: ManualClock;
  readonly deadline: Deadline;
  /** As another environment sees them. */
  readonly stores: Stores;
  readonly clientSession: ClientSession;
  /** What the operator was told that nobody expected. */
  readonly defects: readonly unknown[];
}

export interface ErrandOptions {
  /** Fields of the upstream's configuration. */
  readonly upstream?: object;
  /** The stores as this call gets them. */
  readonly wrap?: (stores: Stores) => Stores;
  readonly answer?: () => Answer | Promise<Answer>;
}

/** The client session has an upstream session. When the test is over, no timer may be left waiting. */
export async function openErrand(options: ErrandOptions = {}): Promise<OpenErrand> {
  const { upstream: fields = {}, wrap = (stores: Stores) => stores, answer = () => ({ status: 500 }) } = options;
  const clock = createManualClock();
  const openStores = createMemoryStores();
  const defects: unknown[] = [];
  const ports: Ports = {
    clock,
    ids: cryptoIds,
    openStores: (tally) => wrap(openStores(tally)),
    executeOnce,
    transport: createMemoryTransport(answer),
    tracer: noopTracer,
    actionLog: { notice: () => {}, write: () => {}, defect: (_requestId, error) => void defects.push(error) },
  };
  const config = configOf(withUpstream({ prefix: 'time', ...fields }));
  const shared = newShared(config, ports);
  const request = { method: 'POST', path: '/mcp', headers: {}, body: '', bodyBytes: 0 };
  const visit = new Visit(shared, request, {
    requestId: 'request',
    trace: undefined,
    environment: 'environment',
    cold: false,
    arrivedAt: clock.now(),
    endsAt: Infinity,
  });
  const stores = openStores({ requests: 0 });
  const session = clientSession({ upstreamSessions: { time: upstreamSession() }, expiresAt: clock.now() + 3_600_000 });
  await stores.clientSessions.create(session);
  const [upstream] = allUpstreams(config);
  const server = shared.servers.get('default');
  if (upstream === undefined || server === undefined) throw new Error('The configuration lost its upstream');
  const authenticated = authenticate(UNSAID.local, undefined, cryptoIds);
  if (!authenticated.ok) throw new Error('Everyone may call');
  const caller = authenticated.value;
  const scope: LegacyScope = { era: 'legacy', server, caller, session, canAsk: false };
  const call = callOf(requestText('tools/call', { name: 'time__now', arguments: {} }));
  const errand: Errand = { visit, scope, call, upstream, targetName: 'now', tally: newTally() };
  const deadline = startDeadline(clock, { totalMs: 55_000, idleMs: undefined, endsAt: Infinity });
  onTestFinished(async () => {
    deadline.stop();
    await visit.settle();
    if (clock.scheduled > 0) throw new Error(`${clock.scheduled} timers were left waiting`);
  });
  const connection = connectionTools(visit, deadline, errand.tally);
  const keeper = keeperFor(visit, scope, upstream, deadline, NO_SPAN);
  const eras = eraTools(visit, connection);
  const line: Line = { work: visit, upstream, preferred: 'legacy', keeper, deadline, connection, eras };
  return { errand, line, visit, upstream, clock, deadline, stores, clientSession: session, defects };
}
