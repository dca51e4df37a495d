/** What an upstream is when it is asked now, whatever is kept of it: for the operator. */
import type { ServerUpstream } from '../catalog/plan.ts';
import { itemsOf } from '../catalog/listing.ts';
import { toWire, type Failure } from '../errors.ts';
import type { CatalogMember } from '../ports/catalog.ts';
import type { KnownVersions } from '../ports/upstream-eras.ts';
import { LATEST_MODERN, type Era } from '../protocol/era.ts';
import { isObject, parseJson } from '../protocol/message.ts';
import type { ListMember } from '../protocol/methods.ts';
import { upstreamKey } from '../upstream/eras.ts';
import { newTally } from '../upstream/fault.ts';
import { inquire, type Fetched } from './fetching.ts';
import { forSeveralCalls, freshKeeper, type SeveralCalls } from './upstream-sessions.ts';
import type { Work } from './work.ts';

/** An upstream that takes longer for all of it is not well, in milliseconds. */
const SURVEY_MS = 30_000;

const LISTS: readonly ListMember[] = ['tools', 'prompts', 'resources', 'resourceTemplates'];

export interface Survey {
  readonly upstream: ServerUpstream;
  /** The era it was spoken to in, and the revisions that it is known to speak; undefined when it was not heard. */
  readonly era: Era | undefined;
  readonly versions: Readonly<Partial<Record<Era, KnownVersions>>>;
  readonly transport: 'http' | 'sse';
  /** Names of what it says it can do. */
  readonly capabilities: readonly string[];
  /** JSON texts, in the upstream's words; empty where it has none, absent where they could not be had. */
  readonly lists: Readonly<Partial<Record<ListMember, readonly string[]>>>;
  /** How long it took to introduce itself, milliseconds. */
  readonly latencyMs: number;
  /** What is wrong, in words; empty when nothing is. */
  readonly troubles: readonly string[];
}

/** Speaks to the upstream as for a modern client: in the modern era if it has that. A legacy one gets one session for all. */
export async function surveyUpstream(work: Work, upstream: ServerUpstream): Promise<Survey> {
  const client = { clientInfo: work.shared.identity, clientCapabilities: {}, logLevel: undefined };
  const session = forSeveralCalls(work, upstream, freshKeeper(client));
  try {
    return await surveyIn(work, upstream, session);
  } finally {
    session.close();
  }
}

async function surveyIn(work: Work, upstream: ServerUpstream, session: SeveralCalls): Promise<Survey> {
  const began = work.ports.clock.elapsed();
  const introduced = await ask(work, upstream, 'introduction', session);
  const latencyMs = work.ports.clock.elapsed() - began;
  const known = work.shared.eraCache.get(upstreamKey(upstream, work.ports.ids));
  const base = { upstream, transport: upstream.config.transport ?? known?.transport ?? 'http', latencyMs };
  const versions = known?.versions ?? {};
  if (introduced.kind === 'failed') {
    return { ...base, versions, era: undefined, capabilities: [], lists: {}, troubles: [wordsOf(introduced.failure)] };
  }
  const fetched = await Promise.all(
    LISTS.map(async (member) => ({ member, list: await ask(work, upstream, member, session) })),
  );
  return {
    ...base,
    // Nothing is remembered of an upstream whose era is configured; but it has just been spoken to.
    versions: { [introduced.era]: versionsSpoken(introduced.era, session), ...versions },
    era: introduced.era,
    capabilities: capabilitiesIn(introduced),
    lists: Object.fromEntries(
      fetched.flatMap(({ member, list }) => (list.kind === 'fetched' ? [[member, itemsOf(list.list.text)]] : [])),
    ),
    troubles: fetched.flatMap(({ member, list }) =>
      list.kind === 'failed' ? [`${member}: ${wordsOf(list.failure)}`] : [],
    ),
  };
}

function versionsSpoken(era: Era, session: SeveralCalls): KnownVersions {
  if (era === 'modern') return [LATEST_MODERN];
  const opened = session.opened();
  return opened === undefined ? [] : [opened.protocolVersion];
}

function ask(work: Work, upstream: ServerUpstream, member: CatalogMember, session: SeveralCalls): Promise<Fetched> {
  const legacy = upstream.config.era === 'legacy';
  return inquire(work, {
    upstream,
    member,
    preferred: legacy ? 'legacy' : 'modern',
    keeper: () => session.keeper,
    patienceMs: SURVEY_MS,
    spentMs: 0,
    tally: newTally({ span: work.trace.root }),
  });
}

function wordsOf(failure: Failure): string {
  return toWire(failure).error.message;
}

function capabilitiesIn({ list }: Extract<Fetched, { kind: 'fetched' }>): readonly string[] {
  const introduction = parseJson(list.text);
  const capabilities = isObject(introduction) ? introduction['capabilities'] : undefined;
  return isObject(capabilities) ? Object.keys(capabilities) : [];
}
