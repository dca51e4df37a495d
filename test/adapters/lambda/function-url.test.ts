/** The function's adapters as they run: bundled, behind middy, in the emulator. */
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startFixture, temporaryFolder, type Fixture } from '../../local/kit.ts';
import { postStream, send } from '../../support/wire.ts';

const start = (variables: Readonly<Record<string, string>> = {}): Promise<Fixture> =>
  startFixture({ fixture: 'gateway.ts', limit: 1, variables });

async function startLogged(): Promise<{ fixture: Fixture; lines: () => string[] }> {
  const file = join(await temporaryFolder(), 'log');
  const fixture = await start({ LOG_FD: String(openSync(file, 'a')) });
  return { fixture, lines: () => readFileSync(file, 'utf8').trimEnd().split('\n') };
}

describe('a request', () => {
  test('reaches the core with its path as sent, its headers in lower case and its cookies in place', async () => {
    const fixture = await start();
    const body = '{"text":"grüße 😀"}';
    const headers = { 'X-Team': 'search', cookie: 'a=1; b=2' };
    const { request } = (await fixture.call('/request?a=1', body, headers)).messages[0];
    expect(request).toMatchObject({
      method: 'POST',
      path: '/request',
      headers: { 'x-team': 'search', cookie: 'a=1; b=2', 'content-type': 'application/json' },
      body,
      bodyBytes: Buffer.byteLength(body),
    });
  });

  test('keeps the percent-encoding of its path', async () => {
    const fixture = await start();
    expect((await fixture.call('/%72equest')).status).toBe(404);
  });

  test('is decoded when it was delivered in base64', async () => {
    const fixture = await start();
    const { request } = (await send('POST', `${fixture.origin}/request`, 'grüße')).messages[0];
    expect(request).toMatchObject({ body: 'grüße', bodyBytes: 7 });
  });

  test.for(['application/json', 'application/octet-stream'])(
    'of type %s that is no UTF-8 is answered as JSON that cannot be read, and does not reach the core',
    async (type) => {
      const fixture = await start();
      const body = Buffer.from('7b2261223a2261fffe62227d', 'hex');
      const answer = await fetch(`${fixture.origin}/request`, {
        method: 'POST',
        body,
        headers: { 'content-type': type },
      });
      expect(answer.status).toBe(400);
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(await answer.json()).toEqual({ jsonrpc: '2.0', error: { code: -32700, message: expect.any(String) } });
      expect((await fixture.call('/request')).messages[0].invocation.cold).toBe(false);
    },
  );

  test.for(['application/json', 'application/octet-stream'])(
    'of type %s loses the byte order mark before its text',
    async (type) => {
      const fixture = await start();
      const headers = { 'content-type': type };
      const { request } = (await send('POST', `${fixture.origin}/request`, '\uFEFF{}', headers)).messages[0];
      expect(request).toMatchObject({ body: '{}', bodyBytes: 5 });
    },
  );

  test('keeps header names that objects inherit', async () => {
    const fixture = await start();
    const { request } = (await fixture.call('/request', '{}', { ['__proto__']: 'a', constructor: 'b' })).messages[0];
    expect(Object.entries(request.headers)).toContainEqual(['constructor', 'b']);
  });

  test('comes with the invocation it is served by', async () => {
    const fixture = await start();
    const before = Date.now();
    const traced = { 'x-amzn-trace-id': 'Root=1-67891233-abcdef012345678912345678;Sampled=0' };
    const first = await fixture.call('/request', undefined, traced);
    const second = await fixture.call('/request');
    expect(first.messages[0].invocation).toMatchObject({
      requestId: first.headers['x-amzn-requestid'],
      trace: { id: '1-67891233-abcdef012345678912345678', sampled: false, parent: expect.any(String) },
      environment: 'env-1',
      cold: true,
    });
    expect(first.messages[0].invocation.endsAt).toBeGreaterThan(before + 59_000);
    expect(first.messages[0].invocation.endsAt).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(second.messages[0].invocation.cold).toBe(false);
  });
});

describe('an answer', () => {
  test.for([202, 204, 401, 405])('of headers alone arrives (%i)', async (status) => {
    const fixture = await start();
    const answer = await fixture.call('/empty', undefined, { 'x-status': String(status) });
    expect({ status: answer.status, text: answer.text, allow: answer.headers['allow'] }).toEqual({
      status,
      text: '',
      allow: 'POST',
    });
  });

  test('keeps every character, wherever a platform may cut it', async () => {
    const fixture = await start();
    const texts = [`a${'😀'.repeat(8_191)}`, `a${'😀'.repeat(8_192)}`, `ab${'😀é'.repeat(40_000)}`];
    for (const text of texts) expect((await fixture.call('/large', text)).text).toBe(text);
  });

  test('in chunks arrives as it was written', async () => {
    const fixture = await start();
    expect((await fixture.call('/chunks')).text).toBe('data: é\n\ndata: 😀\n\n');
  });

  test('carries no header of a connection and none that the platform keeps for itself', async () => {
    const fixture = await start();
    const { status, headers, text } = await fixture.call('/headers');
    expect({ status, text, cookies: headers['set-cookie'] }).toEqual({ status: 200, text: 'text', cookies: ['a=1'] });
    expect(headers['content-type']).toBe('text/plain');
    expect(headers).not.toHaveProperty('content-length');
    expect(headers).not.toHaveProperty('x-amzn-remapped-date');
    expect(headers['keep-alive']).not.toBe('timeout=1');
    expect(headers['transfer-encoding']).toBe('chunked');
  });
});

describe('the work that outlives an answer', () => {
  test('begins when the answer is out, and the invocation lasts until it is done', async () => {
    const fixture = await start();
    expect((await fixture.call('/after')).text).toBe('sent');
    const after = await fixture.take('after');
    expect(fixture.emulator.environments).toMatchObject([{ state: 'busy' }]);
    fixture.open(after);
    await fixture.take('after is done');
    expect((await fixture.call('/empty', undefined, { 'x-status': '202' })).status).toBe(202);
  });

  test('is done before metrics are published, which are those of the whole invocation', async () => {
    const fixture = await start();
    const answer = await fixture.call('/after');
    fixture.open(await fixture.take('after'));
    const requestId = answer.headers['x-amzn-requestid'];
    expect((await fixture.take('published')).value).toEqual({ requestId, isDone: true });
  });

  test('is done although the client has gone', async () => {
    const fixture = await start();
    const stream = await postStream(`${fixture.origin}/after-long`, {});
    stream.close();
    expect((await fixture.take('after')).value).toBe('/after-long');
  });

  test('is done although the answer broke off', async () => {
    const { fixture } = await startLogged();
    const call = fixture.call('/break-off').catch((error: unknown) => error);
    fixture.open(await fixture.take('half'));
    expect((await fixture.take('after')).value).toBe('/break-off');
    expect((await fixture.take('published')).value).toMatchObject({ requestId: expect.any(String) });
    expect(await call).toMatchObject({ message: 'aborted' });
  });
});

describe('an exception that nobody expected', () => {
  test('is a 500 that tells nothing, and a line in the log that does not quote what it was about', async () => {
    const { fixture, lines } = await startLogged();
    const answer = await fixture.call('/defect');
    expect({ status: answer.status, type: answer.headers['content-type'] }).toEqual({
      status: 500,
      type: 'application/json',
    });
    expect(JSON.parse(answer.text)).toEqual({ jsonrpc: '2.0', error: { code: -32603, message: expect.any(String) } });
    expect(lines()).toHaveLength(1);
    expect(JSON.parse(lines()[0]!)).toMatchObject({
      requestId: answer.headers['x-amzn-requestid'],
      defect: 'SyntaxError',
    });
    for (const text of [answer.text, ...lines(), ...fixture.reports]) expect(text).not.toContain('a secret');
  });

  test('in the middle of an answer is a line in the log', async () => {
    const { fixture, lines } = await startLogged();
    const call = fixture.call('/break-off').catch((error: unknown) => error);
    fixture.open(await fixture.take('half'));
    await call;
    expect(JSON.parse(lines()[0]!)).toMatchObject({ defect: 'SyntaxError' });
    for (const text of [...lines(), ...fixture.reports]) expect(text).not.toContain('a secret');
  });
});
