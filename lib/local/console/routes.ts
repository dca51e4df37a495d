/** `/console` of the local gateway: the page, its feed, and single traces. It is no part of the function. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../ports.ts';
import type { Console } from './console.ts';
import { streamFeed } from './event-stream.ts';
import type { ConsolePage } from './page.ts';

export interface ConsoleRoutesOptions {
  readonly console: Console;
  /** Asked for with every request for it. */
  readonly page: () => Promise<ConsolePage>;
  readonly clock: Pick<Clock, 'schedule'>;
  /** Hears why the page could not be had. */
  readonly report: (line: string) => void;
}

/** Nothing of the console is kept, guessed at, framed, or read by pages of other origins. */
const GUARDED = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'x-frame-options': 'DENY',
} as const;

const NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'";

const TRACES = '/console/traces/';
/** Of a trace or of a request; nothing else is looked for. */
const TRACE_NAME = /^[\w-]{1,64}$/;

/** False for a request that is not the console's; it has not been touched then. */
export type ConsoleRoutes = (request: IncomingMessage, response: ServerResponse) => boolean;

export function createConsoleRoutes(options: ConsoleRoutesOptions): ConsoleRoutes {
  return (request, response) => {
    const path = (request.url ?? '').replace(/[?#].*$/s, '');
    if (path !== '/console' && !path.startsWith('/console/')) return false;
    request.resume();
    if (request.method !== 'GET') refuse(response, 405, 'The console answers to GET only', { allow: 'GET' });
    else if (!isAllowed(request, path)) refuse(response, 403, 'The console answers to its own page only');
    else answer(path, options, response);
    return true;
  };
}

/**
 * What browsers say of who asks (Fetch Metadata, RFC 6454). Whoever is no browser says nothing, and could say anything;
 * what a user types comes from nobody. A link on any page may lead to the page, which has no data in it.
 */
function isAllowed({ headers }: IncomingMessage, path: string): boolean {
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${headers.host}`) return false;
  const site = headers['sec-fetch-site'] ?? 'none';
  if (site === 'same-origin' || site === 'none') return true;
  return path === '/console' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

function answer(path: string, { console, page, clock, report }: ConsoleRoutesOptions, response: ServerResponse): void {
  if (path === '/console') return void sendPage(page, report, response);
  if (path === '/console/feed') {
    response.writeHead(200, guarded('text/event-stream'));
    return streamFeed(console, response, clock);
  }
  const name = path.startsWith(TRACES) ? path.slice(TRACES.length) : '';
  if (!TRACE_NAME.test(name)) return refuse(response, 404, 'There is nothing here');
  const trace = console.trace(name);
  if (trace === undefined) return sayNothing(response);
  response.writeHead(200, guarded('application/json'));
  response.end(JSON.stringify(trace));
}

/** What was not traced, or is gone by now, is no error: browsers would show one in their console. */
function sayNothing(response: ServerResponse): void {
  response.writeHead(204, { ...GUARDED, 'content-security-policy': NO_CONTENT_POLICY });
  response.end();
}

async function sendPage(
  page: ConsoleRoutesOptions['page'],
  report: ConsoleRoutesOptions['report'],
  response: ServerResponse,
): Promise<void> {
  try {
    const { html, contentSecurityPolicy } = await page();
    response.writeHead(200, guarded('text/html; charset=utf-8', contentSecurityPolicy));
    response.end(html);
  } catch (error) {
    report(`The console's page cannot be had: ${error instanceof Error ? error.message : String(error)}`);
    refuse(response, 500, 'The page cannot be had; the terminal of the gateway says why');
  }
}

function guarded(contentType: string, policy: string = NO_CONTENT_POLICY): Record<string, string> {
  return { ...GUARDED, 'content-type': contentType, 'content-security-policy': policy };
}

function refuse(response: ServerResponse, status: number, error: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...guarded('application/json'), ...headers });
  response.end(JSON.stringify({ error }));
}
