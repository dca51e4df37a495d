import { describe, expect, test } from 'vitest';
import {
  initializedText,
  initializeText,
  negotiate,
  readClientHello,
  readServerHello,
} from '../../../lib/protocol/legacy/handshake.ts';
import { parseJson, type JsonObject } from '../../../lib/protocol/message.ts';

const params = { protocolVersion: '2025-11-25', capabilities: { roots: {} }, clientInfo: { name: 'c', version: '1' } };

/** Nested so deep that writing it again could exhaust the stack. */
const deep = parseJson(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`) as JsonObject;

describe('what a client says', () => {
  test('is its version, its capabilities and who it is', () => {
    expect(readClientHello(params)).toEqual({
      requestedVersion: '2025-11-25',
      capabilities: { roots: {} },
      clientInfo: { name: 'c', version: '1' },
    });
  });

  test('is taken for what it is when the version is none that exists', () => {
    expect(readClientHello({ ...params, protocolVersion: '1999-01-01' })?.requestedVersion).toBe('1999-01-01');
  });

  test('is nothing without parameters', () => {
    expect(readClientHello(undefined)).toBeUndefined();
  });

  test.each([
    { protocolVersion: undefined },
    { protocolVersion: 20251125 },
    { protocolVersion: null },
    { capabilities: undefined },
    { capabilities: null },
    { capabilities: [] },
    { capabilities: 'all' },
    { clientInfo: undefined },
    { clientInfo: null },
    { clientInfo: ['c'] },
  ])('is nothing with %j', (wrong) => {
    expect(readClientHello({ ...params, ...wrong })).toBeUndefined();
  });

  test.each(['capabilities', 'clientInfo'])('is nothing when its %s nest without end', (member) => {
    expect(readClientHello({ ...params, [member]: deep })).toBeUndefined();
  });
});

describe('what a server says', () => {
  const result = {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 's', version: '1' },
  };

  test('is its version and its capabilities', () => {
    expect(readServerHello(result)).toEqual({
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      instructions: undefined,
    });
  });

  test('may hold instructions', () => {
    expect(readServerHello({ ...result, instructions: 'Be kind.' })?.instructions).toBe('Be kind.');
  });

  test('has no instructions when they are no text', () => {
    expect(readServerHello({ ...result, instructions: { text: 'x' } })?.instructions).toBeUndefined();
  });

  test.each([
    { protocolVersion: undefined },
    { protocolVersion: 1 },
    { capabilities: undefined },
    { capabilities: null },
    { capabilities: [] },
  ])('is nothing with %j', (wrong) => {
    expect(readServerHello({ ...result, ...wrong })).toBeUndefined();
  });
});

describe('the version agreed upon', () => {
  test.each(['2025-11-25', '2025-06-18', '2025-03-26'])('is %s when the client asks for it', (version) => {
    expect(negotiate(version)).toBe(version);
  });

  test.each(['2026-07-28', '2024-11-05', '2099-01-01', ''])(
    'is the newest legacy one when the client asks for %j',
    (version) => {
      expect(negotiate(version)).toBe('2025-11-25');
    },
  );
});

describe('what the gateway says to an upstream', () => {
  test('introduces the client without what cannot be carried', () => {
    const capabilities = { roots: { listChanged: true }, tasks: {}, experimental: {} };
    expect(parseJson(initializeText('an id', '2025-06-18', capabilities, params.clientInfo))).toEqual({
      jsonrpc: '2.0',
      id: 'an id',
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: { roots: { listChanged: true } },
        clientInfo: { name: 'c', version: '1' },
      },
    });
  });

  test('ends the handshake with a notification', () => {
    expect(parseJson(initializedText())).toEqual({ jsonrpc: '2.0', method: 'notifications/initialized' });
  });
});
