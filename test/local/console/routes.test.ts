import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Console } from '../../../lib/local/console/console.ts';
import type { ConsolePage } from '../../../lib/local/console/page.ts';
import { createConsoleRoutes } from '../../../lib/local/console/routes.ts';
import { nothingKnown } from '../../../lib/local/console/state.ts';
import { openFront } from '../../../lib/local/front.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { send } from '../../support/wire.ts';
import { cleanUpAfterTest } from '../kit.ts';
import { action, document, readFeed, TRACE_ID } from './kit.ts';

const PAGE: ConsolePage = { html: '<!doctype html>page', contentSecurityPolicy: "default-src 'none'; script-src 'x'" };

async function serve(page: () => Promise<ConsolePage> = async () => PAGE) {
  const clock = createManualClock();
  const reports: string[] = [];
  const console = new Console({ clock, upstreams: ['time'] });
  const routes = createConsoleRoutes({ console, page, clock, report: (line) => reports.push(line) });
  const front = await openFront(0);
  cleanUpAfterTest(async () => front.close());
  front.serve((request, response) => {
    if (!routes(request, response)) response.end('the function');
  });
  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    send('GET', `${front.origin}${path}`, '', headers);
  return { clock, console, reports, origin: front.origin, get };
}

describe('/console', () => {
  test('is the page, with its own policy, and neither kept, guessed at nor framed', async () => {
    const { get } = await serve();
    const { status, headers, text } = await get('/console?tool=x');
    expect([status, text]).toEqual([200, PAGE.html]);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': PAGE.contentSecurityPolicy,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('says so when the page cannot be had, and the terminal says why', async () => {
    const { get, reports } = await serve(() => Promise.reject(new Error('no such module')));
    expect(await get('/console')).toMatchObject({ status: 500, text: expect.stringContaining('terminal') });
    expect(reports).toEqual([expect.stringContaining('no such module')]);
  });

  test.for(['/mcp', '/', '/consoles', '/console2/feed', '/mcp/console', '//console'])(
    'leaves %s to the function',
    async (path) => {
      const { get } = await serve();
      expect((await get(path)).text).toBe('the function');
    },
  );

  test.for(['POST', 'PUT', 'OPTIONS', 'DELETE', 'HEAD'])('refuses %s', async (method) => {
    const { origin } = await serve();
    const { status, headers } = await send(method, `${origin}/console/feed`, '');
    expect([status, headers['allow']]).toEqual([405, 'GET']);
  });

  const data = ['/console/feed', `/console/traces/${TRACE_ID}`, '/console/traces/latest'];
  const foreign: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['another origin', { origin: 'https://evil.example' }],
    ['another port', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
    ['a page without an origin', { origin: 'null' }],
    ['a page of another site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a page of another port', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }],
    [
      'a link elsewhere',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    ],
    ['a site that does not exist', { 'sec-fetch-site': 'whatever' }],
  ];
  test.for(foreign)('shows no data to %s', async ([, headers]) => {
    const { get, console } = await serve();
    console.hearDocument(document());
    for (const path of data) expect(await get(path, headers)).toMatchObject({ status: 403 });
    expect(console.watchers).toBe(0);
  });

  test('may be led to by a link on any page, and framed by none', async () => {
    const { get } = await serve();
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect((await get('/console', link)).status).toBe(200);
    expect((await get('/console', { ...link, 'sec-fetch-dest': 'iframe' })).status).toBe(403);
  });

  test('shows its data to its own page', async () => {
    const { get, console, origin } = await serve();
    console.hearDocument(document());
    for (const headers of [{}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin }]) {
      expect((await get('/console/traces/latest', headers)).status).toBe(200);
    }
  });

  test('answers with a trace by its id, by a request, and with the latest', async () => {
    const { get, console } = await serve();
    expect(await get('/console/traces/latest')).toMatchObject({ status: 204, text: '' });
    console.hearDocument(document());
    console.hearLine(JSON.stringify(action({ requestId: 'r-7' })));
    for (const name of [TRACE_ID, 'r-7', 'latest']) {
      const { status, headers, messages } = await get(`/console/traces/${name}`);
      expect([status, headers['cache-control'], messages[0].traceId]).toEqual([200, 'no-store', TRACE_ID]);
    }
    const { status, headers, text } = await get('/console/traces/r-8');
    expect([status, headers['cache-control'], text]).toEqual([204, 'no-store', '']);
    for (const name of ['', '..%2f', 'a b'.replace(' ', '%20'), 'x'.repeat(100)]) {
      expect((await get(`/console/traces/${name}`)).status).toBe(404);
    }
    expect((await get('/console/else')).status).toBe(404);
  });
});

describe('the feed', () => {
  test('begins with what is known, and goes on with what happens', async () => {
    const { console, origin } = await serve();
    console.hearLine(JSON.stringify(action({ requestId: 'before' })));
    const feed = await readFeed(origin);
    expect(feed.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    expect((await feed.next('snapshot')).actions.map(({ requestId }) => requestId)).toEqual(['before']);
    console.hearLine(JSON.stringify(action({ requestId: 'after', tool: 'a\nb\r\nevent: x\u2028' })));
    expect(await feed.next('action')).toMatchObject({ requestId: 'after', tool: 'a\nb\r\nevent: x\u2028' });
    feed.close();
  });

  test('has heartbeats', async () => {
    const { clock, origin } = await serve();
    const feed = await readFeed(origin);
    await feed.next('snapshot');
    for (let beat = 0; beat < 2; beat += 1) {
      clock.advance(15_000);
      expect(await feed.comment()).toBe('still here');
    }
    feed.close();
  });

  test('ends with its reader', async () => {
    const { console, clock, origin } = await serve();
    const feed = await readFeed(origin);
    await feed.next('snapshot');
    expect([console.watchers, clock.scheduled]).toEqual([1, 1]);
    feed.close();
    await expect.poll(() => [console.watchers, clock.scheduled]).toEqual([0, 0]);
  });

  test('is not kept up for a reader that left before it was served', async () => {
    const clock = createManualClock();
    const console = new Console({ clock, upstreams: [] });
    let looks = 0;
    console.openTable(async () => {
      looks += 1;
      return nothingKnown([]);
    });
    const routes = createConsoleRoutes({ console, page: async () => PAGE, clock, report: () => undefined });
    const front = await openFront(0);
    cleanUpAfterTest(async () => front.close());
    // The front has accepted it once a later request on another connection has been answered: that one is refused at once.
    const early = connect(Number(new URL(front.origin).port), '127.0.0.1');
    early.write('GET /console/feed HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await send('GET', `${front.origin}/console`, '', { host: 'elsewhere' });
    early.destroy();
    await once(early, 'close');
    await send('GET', `${front.origin}/console`, '', { host: 'elsewhere' });
    const served: boolean[] = [];
    front.serve((request, response) => {
      served.push(response.destroyed);
      routes(request, response);
    });
    await expect.poll(() => served).toEqual([true]);
    expect([console.watchers, looks, clock.scheduled]).toEqual([0, 0, 0]);
  });

  test('tells a reader that keeps up of a trace however large it is, again and again', async () => {
    const { console, clock, origin } = await serve();
    const feed = await readFeed(origin);
    await feed.next('snapshot');
    const annotations = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`a${at}`, 'x'.repeat(1000)]));
    for (let part = 1; part <= 200; part += 1) {
      const id = String(part).padStart(16, '0');
      console.hearDocument(document({ id, annotations }));
      clock.advance(50);
      const { spans } = await feed.next('trace');
      expect(spans.some((span) => span.id === id)).toBe(true);
      expect(JSON.stringify(spans).length).toBeLessThan(1024 * 1024);
    }
    expect(console.watchers).toBe(1);
    feed.close();
  });

  test('lets nobody go for the length of one event', async () => {
    const { console, origin } = await serve();
    const feed = await readFeed(origin);
    await feed.next('snapshot');
    const tool = 'x'.repeat(5 * 1024 * 1024);
    console.hearLine(JSON.stringify(action({ tool })));
    expect((await feed.next('action')).tool).toHaveLength(tool.length);
    console.hearLine(JSON.stringify(action({ requestId: 'after' })));
    expect(await feed.next('action')).toMatchObject({ requestId: 'after' });
    feed.close();
  });

  test('lets go of a reader that does not read', async () => {
    const { console, origin } = await serve();
    const response = await new Promise<IncomingMessage>((resolve) => {
      httpRequest(`${origin}/console/feed`, { agent: false }, resolve).end();
    });
    const broken = new Promise((resolve) => {
      response.on('error', resolve);
    });
    const large = JSON.stringify(action({ tool: 'x'.repeat(1024 * 1024) }));
    let told = 0;
    while (console.watchers > 0 && told < 100) {
      console.hearLine(large);
      told += 1;
      await new Promise(setImmediate);
    }
    expect(console.watchers).toBe(0);
    // Only whoever reads on hears of it.
    response.resume();
    await broken;
  });
});
