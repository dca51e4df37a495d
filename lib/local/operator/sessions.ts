/** `sluice sessions`: the client sessions of legacy clients. */
import { MAX_SESSIONS } from '../../operator.ts';
import type { ClientSession } from '../../ports/client-sessions.ts';
import { operate } from './operate.ts';
import type { Command } from './options.ts';
import type { Output } from './output.ts';
import { findPlace, OperatorError, type Surroundings } from './place.ts';
import { count, printable, table } from './text.ts';

type ListCommand = Extract<Command, { kind: 'list-sessions' }>;
type EndCommand = Extract<Command, { kind: 'end-session' }>;

/** As many characters of a session's hash as the action log shows. */
const HASH_CHARS = 12;

export async function listSessions(
  { place }: ListCommand,
  surroundings: Surroundings,
  output: Output,
): Promise<number> {
  const { config, openStores, remarks } = await findPlace(place, surroundings);
  const { variables } = surroundings;
  for (const remark of remarks) output.complain(remark);
  return await operate({ config, openStores, variables }, async (operator) => {
    const { sessions, hasMore } = await operator.sessions();
    output.print(sessions.length === 0 ? 'There are no sessions' : describe(sessions).join('\n'));
    if (hasMore) output.complain(`There are more: these are the ${MAX_SESSIONS} sessions that expire first`);
    return 0;
  });
}

export async function endSession(
  { hash, place }: EndCommand,
  surroundings: Surroundings,
  output: Output,
): Promise<number> {
  const { config, openStores, remarks } = await findPlace(place, surroundings);
  const { variables } = surroundings;
  for (const remark of remarks) output.complain(remark);
  return await operate({ config, openStores, variables }, async (operator) => {
    const matching = await operator.sessionsBeginningWith(hash);
    const [session, ...others] = matching;
    if (session === undefined) throw new OperatorError(`There is no session ${hash}`);
    if (others.length > 0) {
      throw new OperatorError(
        [`${count(matching.length, 'session')} begin with ${hash}; nothing was ended:`, ...describe(matching, 43)].join(
          '\n',
        ),
      );
    }
    const ended = await operator.endSession(session.key);
    if (ended === undefined) throw new OperatorError(`Session ${hash} has just ended by itself`);
    const attached = Object.keys(ended.upstreamSessions);
    const told = attached.length === 0 ? '' : `, and its sessions at ${attached.join(', ')}`;
    output.print(`ended ${ended.key.slice(0, HASH_CHARS)}${told}`);
    return 0;
  });
}

const COLUMNS = ['SESSION', 'SERVER', 'CLIENT', 'REVISION', 'CREATED', 'LAST SEEN', 'EXPIRES', 'UPSTREAM SESSIONS'];

function describe(sessions: readonly ClientSession[], hashChars = HASH_CHARS): string[] {
  const rows = sessions.map((session) => [
    session.key.slice(0, hashChars),
    printable(session.server),
    clientOf(session),
    printable(session.protocolVersion, 16),
    timeOf(session.createdAt),
    timeOf(session.lastSeenAt),
    timeOf(session.expiresAt),
    Object.keys(session.upstreamSessions).toSorted().join(' ') || '-',
  ]);
  return table([COLUMNS, ...rows]);
}

/** In the client's words. */
function clientOf({ clientInfo: { name, version } }: ClientSession): string {
  const words = [name, version].flatMap((word) => (typeof word === 'string' ? [printable(word, 40)] : []));
  return words.join(' ') || '-';
}

/** To the second; UTC. */
function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
