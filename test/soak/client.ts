/** A client that does this and that for as long as it may: calls in all forms, lists, streams, cancellations. */
import type { Chance } from '../support/random.ts';
import { modernRequest, openLegacySession, post, send, type Headers, type LegacySession } from '../support/wire.ts';

/** How often each thing has been done. */
export type Tally = Map<string, number>;

export interface Grounds {
  readonly chance: Chance;
  readonly tally: Tally;
  /** Addresses of the virtual servers. */
  readonly urls: readonly string[];
  /** Headers for a request whose environment may be ended, and what to do when it has been answered. */
  readonly risk: () => { readonly mark: Headers; readonly over: () => Promise<void> };
}

const TOOLS = ['pay', 'send', 'put', 'book', 'look'];

/** Things done in one session, at most. */
const LONGEST_SESSION = 30;

let lastVisit = 0;
let lastCall = 0;

/** One visit: some modern requests, or a session from its beginning to its end, unless it is left behind. */
export async function visit(grounds: Grounds): Promise<void> {
  const { chance, tally, urls } = grounds;
  const number = (lastVisit += 1);
  // Every address in both eras.
  const url = urls[Math.floor(number / 2) % urls.length]!;
  const steps = 1 + chance.below(LONGEST_SESSION);
  if (number % 2 === 0) {
    for (let step = 0; step < steps; step += 1) await actModern(grounds, url);
    return;
  }
  const session = await openLegacySession(url).catch(() => undefined);
  if (session === undefined) return count(tally, 'sessions not opened');
  count(tally, 'sessions opened');
  for (let step = 0; step < steps; step += 1) await actInSession(grounds, url, session);
  if (number % 3 === 0) return count(tally, 'sessions left behind');
  await quietly(session.terminate());
  count(tally, 'sessions ended');
}

async function actModern(grounds: Grounds, url: string): Promise<void> {
  const { chance, tally } = grounds;
  if (chance.below(10) === 0) {
    count(tally, 'lists');
    const { body, headers } = modernRequest('tools/list');
    return await quietly(post(url, body, headers));
  }
  const { params, key } = newCall(grounds);
  const { body, headers } = modernRequest('tools/call', params, { progressToken: 1 });
  await callWith(grounds, key, (mark) => post(url, body, { ...headers, ...mark }));
}

async function actInSession(grounds: Grounds, url: string, session: LegacySession): Promise<void> {
  const { chance, tally } = grounds;
  switch (chance.below(12)) {
    case 0:
      count(tally, 'lists');
      return await quietly(session.request('tools/list', {}));
    case 1:
      count(tally, 'listening');
      return await quietly(send('GET', url, '', { ...session.headers, accept: 'text/event-stream' }));
    case 2:
      return await callAndCancel(grounds, session);
    case 3:
      return await callAndResume(grounds, url, session);
    default: {
      const { params, key } = newCall(grounds);
      const body = { jsonrpc: '2.0', id: `call ${lastCall}`, method: 'tools/call', params };
      return await callWith(grounds, key, (mark) => post(url, body, { ...session.headers, ...mark }));
    }
  }
}

/** With a key it may be sent twice at the same moment. */
async function callWith(
  { chance, tally, risk }: Grounds,
  key: string | undefined,
  call: (mark: Headers) => Promise<unknown>,
): Promise<void> {
  const { mark, over } = risk();
  const keyed: Headers = key === undefined ? {} : { 'idempotency-key': key };
  count(tally, key === undefined ? 'calls without a key' : 'calls with a key');
  const twins = key !== undefined && chance.below(5) === 0 ? [call(keyed)] : [];
  await Promise.all([quietly(call({ ...keyed, ...mark })), ...twins.map(quietly)]);
  await over();
  if (key !== undefined && chance.below(3) === 0) await quietly(call(keyed));
}

async function callAndCancel({ tally }: Grounds, session: LegacySession): Promise<void> {
  count(tally, 'cancellations');
  const id = `cancelled ${(lastCall += 1)}`;
  const params = { name: 'look', arguments: { call: `late ${lastCall}`, amount: 1 } };
  const called = quietly(session.request('tools/call', params, id));
  await quietly(session.notify('notifications/cancelled', { requestId: id, reason: 'No longer wanted' }));
  await called;
}

/** Asks for the rest of a stream that has ended, from its first event on. */
async function callAndResume(grounds: Grounds, url: string, session: LegacySession): Promise<void> {
  count(grounds.tally, 'streams resumed');
  const { params } = newCall(grounds);
  const response = await session.request('tools/call', params, `streamed ${lastCall}`).catch(() => undefined);
  const first = /^id: ?(.+)$/m.exec(response?.text ?? '')?.[1];
  if (first === undefined) return;
  const headers = { ...session.headers, accept: 'text/event-stream', 'last-event-id': first };
  await quietly(send('GET', url, '', headers));
}

function newCall({ chance }: Grounds) {
  const number = (lastCall += 1);
  const params = {
    name: chance.pick(TOOLS),
    arguments: { call: `call ${number}`, amount: number },
    _meta: { progressToken: number },
  };
  return { params, key: chance.below(2) === 0 ? undefined : `key-${number}-${chance.below(1e9)}-of-the-soak` };
}

/** What goes wrong is what the run is for; what it leaves behind is looked at in the end. */
async function quietly(work: Promise<unknown>): Promise<void> {
  await work.catch(() => undefined);
}

function count(tally: Tally, what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1);
}
