/** `sluice trace`: where the time of a call went, as the local gateway's console knows it. */
import { isObject, parseJson, type JsonObject } from '../../protocol/message.ts';
import type { Trace } from '../console/feed.ts';
import type { Command } from './options.ts';
import type { Output } from './output.ts';
import { OperatorError, type Surroundings } from './place.ts';
import { findGateway } from './running-gateway.ts';
import { printable } from './text.ts';
import { drawWaterfall } from './waterfall-text.ts';

type TraceCommand = Extract<Command, { kind: 'trace' }>;

const ANSWER_MS = 5000;
/** Where there is no terminal to ask. */
const USUAL_COLUMNS = 100;

export async function showTrace({ id }: TraceCommand, surroundings: Surroundings, output: Output): Promise<number> {
  const { folder, variables, terminal } = surroundings;
  const running = findGateway(folder);
  if (running === undefined)
    throw new OperatorError('No local gateway runs in this folder; start one with "npm start"');
  if (!running.hasConsole) {
    throw new OperatorError('The local gateway that runs in this folder traces nothing: it has --no-console');
  }
  const trace = await fetchTrace(running.origin, id);
  const hasColour = terminal !== undefined && !variables['NO_COLOR'];
  output.print(drawWaterfall(trace, { columns: terminal?.columns ?? USUAL_COLUMNS, hasColour }).join('\n'));
  return 0;
}

/** Rejects with an `OperatorError`. */
async function fetchTrace(origin: string, id: string): Promise<Trace> {
  const { status, text } = await get(`${origin}/console/traces/${id}`).catch((error: unknown) => {
    const { cause } = error as { readonly cause?: NodeJS.ErrnoException };
    throw new OperatorError(`The local gateway at ${origin} does not answer (${cause?.code ?? String(error)})`);
  });
  if (status === 204) throw new OperatorError(unknown(id));
  const trace = status === 200 ? parseJson(text) : undefined;
  if (isTrace(trace)) return trace;
  throw new OperatorError(`What answers at ${origin} is no local gateway of this version (HTTP status ${status})`);
}

async function get(url: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_MS) });
  return { status: response.status, text: await response.text() };
}

function unknown(id: string): string {
  if (id === 'latest') return 'Nothing has been traced yet: call something first';
  return `Nothing is known of ${printable(id)}, or not any more: no trace and no request of late is called so`;
}

/** As far as it is relied on for drawing. */
function isTrace(value: unknown): value is Trace & JsonObject {
  if (!isObject(value) || typeof value['traceId'] !== 'string') return false;
  const spans: unknown = value['spans'];
  return Array.isArray(spans) && spans.length > 0 && spans.every(isSpan);
}

function isSpan(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { id, parent, name, kind, startedAt, endedAt, status, annotations } = value;
  return (
    [id, name, status].every((text) => typeof text === 'string') &&
    (parent === null || typeof parent === 'string') &&
    (kind === 'gateway' || kind === 'upstream') &&
    typeof startedAt === 'number' &&
    (endedAt === null || typeof endedAt === 'number') &&
    isObject(annotations)
  );
}
