import type { Action, Outcome } from '../../ports/action-log.ts';

const COLOURS: Readonly<Record<Outcome, number>> = {
  ok: 32,
  'tool-error': 33,
  error: 31,
  refused: 33,
  cancelled: 36,
  'input-required': 36,
};

/** An action as one line for people: the same columns always, what is unusual at the end. */
export function formatAction(action: Action, colour: boolean): string {
  const paint = (code: number, text: string) => (colour ? `\u001B[${code}m${text}\u001B[0m` : text);
  const columns = [
    paint(2, new Date(action.time).toISOString().slice(11, 23)),
    paint(COLOURS[action.outcome], action.outcome.padEnd(14)),
    `${milliseconds(action.totalMs)} ms`,
    visible(action.method ?? '-').padEnd(26),
    destination(action).padEnd(20),
    action.tool === null ? '' : visible(action.tool),
    paint(2, details(action)),
  ];
  return columns.join('  ').trimEnd();
}

function milliseconds(value: number): string {
  return value.toFixed(1).padStart(8);
}

function destination({ server, upstream }: Action): string {
  return upstream === null ? (server ?? '-') : `${server ?? '-'} > ${upstream}`;
}

function details(action: Action): string {
  const parts = [
    action.errorKind,
    action.status === 200 ? null : `HTTP ${action.status}`,
    `gateway ${action.gatewayMs.toFixed(1)}`,
    `upstream ${action.upstreamMs.toFixed(1)}`,
    `requests ${action.upstreamRequests}+${action.dynamodbRequests}`,
    action.replayed ? 'replayed' : null,
    action.attempt > 1 ? `attempt ${action.attempt}` : null,
    action.era,
    action.cold ? `${action.environment} (cold)` : action.environment,
  ];
  return `(${parts.filter((part) => part !== null).join(', ')})`;
}

/** Names come from clients: one with a line break or an escape sequence in it must not draw on the terminal. */
function visible(name: string): string {
  return JSON.stringify(name)
    .slice(1, -1)
    .replace(/[^\P{C}]|[\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
