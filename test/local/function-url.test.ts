import { request as httpRequest } from 'node:http';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { postStream, send } from '../support/wire.ts';
import { startFixture } from './kit.ts';

const SIX_MB = 6 * 1024 * 1024;

describe('a request', () => {
  test('becomes an event of payload format 2.0', async () => {
    const fixture = await startFixture();
    const answer = await fixture.call('/event?a=1&b=x%20y&a=2', '{"text":"grüße"}', { 'X-Team': 'search' });
    const { event, requestId } = answer.messages[0];
    expect(event).toMatchObject({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/event',
      rawQueryString: 'a=1&b=x%20y&a=2',
      queryStringParameters: { a: '1,2', b: 'x y' },
      headers: { 'x-team': 'search', 'content-type': 'application/json', 'x-forwarded-proto': 'https' },
      body: '{"text":"grüße"}',
      isBase64Encoded: false,
      requestContext: { http: { method: 'POST', path: '/event', sourceIp: '127.0.0.1' }, requestId },
    });
    expect(answer.headers['x-amzn-requestid']).toBe(requestId);
  });

  test('does not tell by what name the client reached the function', async () => {
    const fixture = await startFixture();
    const { event } = (await fixture.call('/event')).messages[0];
    expect(event.headers.host).toBe(event.requestContext.domainName);
    expect(event.headers.host).toMatch(/\.lambda-url\.[a-z0-9-]+\.on\.aws$/);
  });

  test('has its cookies in a list of their own', async () => {
    const fixture = await startFixture();
    const { event } = (await fixture.call('/event', undefined, { cookie: 'a=1; b=2' })).messages[0];
    expect(event.cookies).toEqual(['a=1', 'b=2']);
    expect(event.headers).not.toHaveProperty('cookie');
  });

  test('delivers a body in base64 when its type is not one of text', async () => {
    const fixture = await startFixture();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const { event } = (await fixture.call('/event', 'a=1&b=2', type)).messages[0];
    expect(event.isBase64Encoded).toBe(true);
    expect(Buffer.from(event.body, 'base64').toString()).toBe('a=1&b=2');
  });

  test('delivers a body in base64 when it is no UTF-8, although its type is one of text', async () => {
    const fixture = await startFixture();
    const body = Buffer.from('7b2261223a2261fffe62227d', 'hex');
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${fixture.origin}/event`, { method: 'POST', body, headers });
    const { event } = (await answer.json()) as { event: unknown };
    expect(event).toMatchObject({ isBase64Encoded: true, body: body.toString('base64') });
  });

  test('keeps the byte order mark of a body of text', async () => {
    const fixture = await startFixture();
    const { event } = (await fixture.call('/event', '\uFEFF{}')).messages[0];
    expect(event).toMatchObject({ isBase64Encoded: false, body: '\uFEFF{}' });
  });

  test('is stamped with the time before there was an environment for it', async () => {
    const fixture = await startFixture({ limit: 2 });
    const busy = fixture.call('/held');
    const held = await fixture.take('held');
    const before = Date.now();
    const { event, environment, loadedAt } = (await fixture.call('/event')).messages[0];
    expect(environment).toBe('env-2');
    expect(event.requestContext.timeEpoch).toBeGreaterThanOrEqual(before);
    expect(event.requestContext.timeEpoch).toBeLessThan(loadedAt);
    fixture.open(held);
    await busy;
  });

  test('delivers a body in base64 when it has no type', async () => {
    const fixture = await startFixture();
    const { event } = (await send('POST', `${fixture.origin}/event`, '{}')).messages[0];
    expect(event).toMatchObject({ isBase64Encoded: true, body: Buffer.from('{}').toString('base64') });
  });

  test('goes on with the trace of its client', async () => {
    const fixture = await startFixture();
    const root = '1-67891233-abcdef012345678912345678';
    const headers = { 'x-amzn-trace-id': `Self=1-1-1;Root=${root}` };
    const { event, traceVariable } = (await fixture.call('/event', undefined, headers)).messages[0];
    expect(traceVariable).toMatch(new RegExp(`^Root=${root};Parent=[0-9a-f]{16};Sampled=0$`));
    expect(event.headers['x-amzn-trace-id']).toBe(`Root=${root}`);
  });

  test.for([
    ['nothing is asked for', {}, '1'],
    ['its client wants it', { 'x-amzn-trace-id': 'Root=1-67891233-abcdef012345678912345678;Sampled=1' }, '1'],
    ['its client leaves it open', { 'x-amzn-trace-id': 'Root=1-67891233-abcdef012345678912345678;Sampled=?' }, '1'],
    ['its client does not want it', { 'x-amzn-trace-id': 'Root=1-67891233-abcdef012345678912345678; Sampled=0' }, '0'],
  ] as const)('is traced where traces go somewhere, as far as %s', async ([, headers, sampled]) => {
    const fixture = await startFixture({ xrayDaemon: '127.0.0.1:9' });
    const { traceVariable, daemon, taskRoot } = (await fixture.call('/event', undefined, headers)).messages[0];
    const root = 'Root=1-[0-9a-f]{8}-[0-9a-f]{24}';
    expect(traceVariable).toMatch(new RegExp(`^${root};Parent=[0-9a-f]{16};Sampled=${sampled}$`));
    expect(daemon).toBe('127.0.0.1:9');
    expect(taskRoot).toMatch(/^\//);
  });

  test('of more than 6 MB is refused with 413 and reaches no environment', async () => {
    const fixture = await startFixture();
    const answer = await fixture.call('/event', 'x'.repeat(SIX_MB + 1));
    expect(answer.status).toBe(413);
    expect(fixture.emulator.environments).toMatchObject([{ invocations: 0 }]);
  });

  test('of more than 6 MB is refused with 413 when it does not say its length', async () => {
    const fixture = await startFixture();
    const answer = await fixture.call('/event', 'x'.repeat(SIX_MB + 1), { 'transfer-encoding': 'chunked' });
    expect(answer.status).toBe(413);
    expect(fixture.emulator.environments).toMatchObject([{ invocations: 0 }]);
  });

  test('of 6 MB is served', async () => {
    const fixture = await startFixture();
    const answer = await fixture.call('/event', 'x'.repeat(SIX_MB));
    expect(answer.messages[0].event.body).toHaveLength(SIX_MB);
  });

  test('that breaks off in the middle reaches no environment', async () => {
    const fixture = await startFixture();
    const outgoing = httpRequest(`${fixture.origin}/event`, { method: 'POST', headers: { 'content-length': '10' } });
    outgoing.on('error', () => undefined);
    outgoing.write('half');
    // The server has read the first half once it has answered on a second connection.
    await fixture.call('/event');
    outgoing.destroy();
    await fixture.call('/event');
    expect(fixture.emulator.environments.map(({ invocations }) => invocations)).toEqual([1, 1]);
  });
});

describe('an answer', () => {
  test('is streamed: what is written leaves before the rest exists', async () => {
    const fixture = await startFixture();
    const outgoing = httpRequest(`${fixture.origin}/stream`, { agent: false }).end();
    const [incoming] = await once(outgoing, 'response');
    const [first] = await once(incoming, 'data');
    expect(String(first)).toBe('first,');
    const rest = once(incoming, 'data');
    fixture.open(await fixture.take('between'));
    expect(String((await rest)[0])).toBe('second');
  });

  test('has its WWW-Authenticate renamed', async () => {
    const fixture = await startFixture();
    const { status, headers } = await fixture.call('/challenge');
    expect(status).toBe(401);
    expect(headers).not.toHaveProperty('www-authenticate');
    expect(headers['x-amzn-remapped-www-authenticate']).toBe('Bearer');
  });

  test('with a header that the platform keeps for itself becomes a bare 500', async () => {
    const fixture = await startFixture();
    const { status, headers, text } = await fixture.call('/remapped');
    expect({ status, text }).toEqual({ status: 500, text: 'Internal Server Error' });
    expect(headers).not.toHaveProperty('x-amzn-remapped-date');
  });

  test('sets the cookies of its list', async () => {
    const fixture = await startFixture();
    const { headers, text } = await fixture.call('/cookies');
    expect(headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2']);
    expect(text).toBe('sweet');
  });

  test('of headers alone that was ended without a write is zero bytes', async () => {
    const fixture = await startFixture();
    await expect(fixture.call('/end-without-write')).rejects.toThrow('socket hang up');
  });

  test('of headers alone that was ended after an empty write arrives', async () => {
    const fixture = await startFixture();
    const { status, headers, text } = await fixture.call('/end-after-empty-write');
    expect({ status, text, kept: headers['x-kept'] }).toEqual({ status: 202, text: '', kept: 'yes' });
  });

  test('without status and headers is 200 and bytes', async () => {
    const fixture = await startFixture();
    const { status, headers, text } = await fixture.call('/raw');
    expect({ status, text, type: headers['content-type'] }).toEqual({
      status: 200,
      text: 'raw',
      type: 'application/octet-stream',
    });
  });

  test('to a HEAD request has no body', async () => {
    const fixture = await startFixture();
    const { status, headers, text } = await send('HEAD', `${fixture.origin}/end-after-empty-write`, '');
    expect({ status, text, kept: headers['x-kept'] }).toEqual({ status: 202, text: '', kept: 'yes' });
  });

  test('with a header that HTTP cannot carry becomes a 502', async () => {
    const fixture = await startFixture();
    expect(await fixture.call('/invalid-header')).toMatchObject({ status: 502, text: 'Internal Server Error' });
  });

  test('waits for a client that reads slowly, and loses nothing', async () => {
    const fixture = await startFixture();
    const total = 64 * 1024 * 1024;
    const outgoing = httpRequest(`${fixture.origin}/flood?${total}`, { agent: false }).end();
    const [incoming] = await once(outgoing, 'response');
    const stalled = await fixture.take('stalled');
    expect(stalled.value).toBeLessThan(total / 2);
    let received = 0;
    for await (const chunk of incoming) received += chunk.length;
    expect(received).toBe(total);
  });

  test('whose client has gone is still taken from the function, which hears nothing of it', async () => {
    const fixture = await startFixture({ limit: 1 });
    const total = 64 * 1024 * 1024;
    const stream = await postStream(`${fixture.origin}/flood?${total}`, {});
    await fixture.take('stalled');
    stream.close();
    expect((await fixture.take('flooded')).value).toBe(total);
    expect((await fixture.call('/event')).messages[0].invocations).toBe(2);
    expect(fixture.reports).toEqual([]);
  });

  test('whose client goes before it begins does not end the invocation', async () => {
    const fixture = await startFixture({ limit: 1 });
    const outgoing = httpRequest(`${fixture.origin}/held`, { agent: false }).end();
    outgoing.on('error', () => undefined);
    const held = await fixture.take('held');
    outgoing.destroy();
    expect((await fixture.call('/event')).status).toBe(429);
    expect(fixture.emulator.environments).toMatchObject([{ state: 'busy' }]);
    fixture.open(held);
    expect(fixture.reports).toEqual([]);
  });
});
