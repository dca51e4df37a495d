import { describe, expect, test } from 'vitest';
import { corsHeaders, isOriginAllowed, preflightHeaders } from '../../lib/auth/origin.ts';

describe('a request', () => {
  test('without an origin comes from no page and passes, whatever is allowed', () => {
    expect([isOriginAllowed(undefined, []), isOriginAllowed(undefined, ['https://a.example'])]).toEqual([true, true]);
  });

  test('from any page is refused when none is allowed', () => {
    expect(isOriginAllowed('https://a.example', [])).toBe(false);
  });

  test.each(['https://a.example', 'https://b.example:8443'])('from the allowed page %s passes', (origin) => {
    expect(isOriginAllowed(origin, ['https://a.example', 'https://b.example:8443'])).toBe(true);
  });

  test.each([
    'http://a.example',
    'https://a.example:443',
    'https://a.example.evil.example',
    'https://evil.example/https://a.example',
    'https://sub.a.example',
    'https://A.example',
    'https://a.example/',
    ' https://a.example',
    'https://a.example, https://evil.example',
    'null',
    '',
    '*',
  ])('from %j is refused when https://a.example is allowed', (origin) => {
    expect(isOriginAllowed(origin, ['https://a.example'])).toBe(false);
  });

  test.each(['http://localhost', 'http://localhost:1', 'http://localhost:65535'])(
    'from %s passes when any port of localhost is allowed',
    (origin) => {
      expect(isOriginAllowed(origin, ['http://localhost:*'])).toBe(true);
    },
  );

  test.each([
    'https://localhost:3000',
    'http://localhost.evil.example',
    'http://localhost.8080',
    'http://localhosts8080',
    'http://localhost.evil.example:3000',
    'http://localhost:3000.evil.example',
    'http://localhost:3000@evil.example',
    'http://localhost:',
    'http://localhost:*',
    'http://localhost:123456',
    'http://localhost:-1',
    'http://localhost:3000\n',
    'http://evil.example#http://localhost:3000',
    'http://127.0.0.1:3000',
  ])('from %j is refused when any port of localhost is allowed', (origin) => {
    expect(isOriginAllowed(origin, ['http://localhost:*'])).toBe(false);
  });
});

describe('what a browser is told', () => {
  test('is nothing when it did not ask', () => {
    expect(corsHeaders(undefined)).toEqual({});
  });

  test('is that this very page may read the answer and when it came, session id included', () => {
    expect(corsHeaders('https://a.example')).toEqual({
      'access-control-allow-origin': 'https://a.example',
      'access-control-expose-headers': 'mcp-session-id, www-authenticate, server-timing',
      'timing-allow-origin': 'https://a.example',
      vary: 'origin',
    });
  });

  test('never lets it send credentials', () => {
    const headers = { ...corsHeaders('https://a.example'), ...preflightHeaders('content-type') };
    expect(Object.keys(headers)).not.toContain('access-control-allow-credentials');
  });

  test('before a request is which methods and headers it may send', () => {
    expect(preflightHeaders('content-type, mcp-session-id')).toEqual({
      'access-control-allow-methods': 'POST, DELETE',
      'access-control-allow-headers': 'content-type, mcp-session-id',
      'access-control-max-age': '600',
    });
  });

  test('names no headers when it asked for none', () => {
    expect(preflightHeaders(undefined)).not.toHaveProperty('access-control-allow-headers');
  });
});
