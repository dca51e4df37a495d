import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DemoUpstreams } from '../../lib/local/demo/start.ts';
import { startDemoUpstreams } from '../../lib/local/demo/start.ts';
import { connectV1, connectV2 } from '../support/sdk-clients.ts';

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/;

/** The part of the SDK clients' surface that v1 and v2 share. */
type Peer = Pick<
  Client,
  'listTools' | 'callTool' | 'listResources' | 'readResource' | 'listPrompts' | 'getPrompt' | 'complete'
>;

interface Peered {
  readonly peer: Peer;
  close(): Promise<void>;
}

const PEERS: Readonly<Record<string, (url: string) => Promise<Peered>>> = {
  'SDK v2, modern': async (url) => peered(await connectV2(url, 'modern')),
  'SDK v2, 2025-11-25': async (url) => peered(await connectV2(url, 'legacy')),
  'SDK v2, 2025-06-18': async (url) => peered(await connectV2(url, 'legacy', { legacyVersion: '2025-06-18' })),
  'SDK v2, 2025-03-26': async (url) => peered(await connectV2(url, 'legacy', { legacyVersion: '2025-03-26' })),
  'SDK v1': async (url) => {
    const { client, close } = await connectV1(url);
    return { peer: client as unknown as Peer, close };
  },
};

function peered({ client, close }: { client: Client; close: () => Promise<void> }): Peered {
  return { peer: client, close };
}

let demo: DemoUpstreams;

beforeAll(async () => {
  demo = await startDemoUpstreams();
});

afterAll(async () => {
  await demo.close();
});

describe.each(Object.entries(PEERS))('%s', (_, connect) => {
  async function withPeer(url: string, use: (peer: Peer) => Promise<void>): Promise<void> {
    const { peer, close } = await connect(url);
    try {
      await use(peer);
    } finally {
      await close();
    }
  }

  const call = async (peer: Peer, name: string, args: Record<string, unknown> = {}): Promise<Called> =>
    calledOf(await peer.callTool({ name, arguments: args }));

  test('lists the tools of fast time with their annotations', async () => {
    await withPeer(demo.time, async (peer) => {
      const { tools } = await peer.listTools();
      expect(tools.map(({ name, annotations }) => ({ name, annotations }))).toEqual([
        { name: 'get_system_time', annotations: { readOnlyHint: true } },
        { name: 'convert_time', annotations: { idempotentHint: true } },
      ]);
    });
  });

  test('calls the tools of fast time', async () => {
    await withPeer(demo.time, async (peer) => {
      const now = await call(peer, 'get_system_time', { timezone: 'Asia/Kolkata' });
      expect(now.text).toMatch(RFC_3339);
      expect(now.text).toContain('+05:30');
      expect(Math.abs(Date.parse(now.text) - Date.now())).toBeLessThan(5000);
      const converted = await call(peer, 'convert_time', {
        time: '2026-07-01 12:00:00',
        source_timezone: 'Europe/Berlin',
        target_timezone: 'America/New_York',
      });
      expect(converted).toEqual({ text: '2026-07-01T06:00:00-04:00', isError: false });
    });
  });

  test('gets a tool error for an unknown time zone', async () => {
    await withPeer(demo.time, async (peer) => {
      const zone = { timezone: 'Mars/Olympus' };
      expect(await call(peer, 'get_system_time', zone)).toEqual({
        text: 'Unknown time zone: Mars/Olympus',
        isError: true,
      });
    });
  });

  test('reads every resource of fast time', async () => {
    await withPeer(demo.time, async (peer) => {
      const { resources } = await peer.listResources();
      expect(resources.map(({ uri }) => uri)).toEqual([
        'timezone://info',
        'time://current/world',
        'time://formats',
        'time://business-hours',
      ]);
      for (const { uri } of resources) {
        const { contents } = await peer.readResource({ uri });
        const [content] = contents;
        expect(content).toMatchObject({ uri, mimeType: 'application/json' });
        expect(JSON.parse(content !== undefined && 'text' in content ? content.text : '')).toBeTypeOf('object');
      }
    });
  });

  test('gets every prompt of fast time', async () => {
    await withPeer(demo.time, async (peer) => {
      const { prompts } = await peer.listPrompts();
      const required = prompts.map(({ name, arguments: args }) => [
        name,
        args?.filter((argument) => argument.required).map((argument) => argument.name),
      ]);
      expect(required).toEqual([
        ['compare_timezones', ['timezones']],
        ['schedule_meeting', ['participants', 'duration']],
        ['convert_time_detailed', ['time', 'from_timezone', 'to_timezones']],
      ]);
      const prompted = async (name: string, args: Record<string, string>): Promise<string> =>
        JSON.stringify((await peer.getPrompt({ name, arguments: args })).messages);
      const compared = { timezones: 'UTC, Asia/Tokyo', reference_time: '2026-01-10T16:30:00Z' };
      expect(await prompted('compare_timezones', compared)).toContain('Asia/Tokyo: 2026-01-11T01:30:00+09:00');
      expect(await prompted('schedule_meeting', { participants: 'Paris', duration: '45' })).toContain('45 minutes');
      const converted = { time: '2026-01-10T10:00', from_timezone: 'UTC', to_timezones: 'Europe/London' };
      expect(await prompted('convert_time_detailed', converted)).toContain('Europe/London: 2026-01-10T10:00:00Z');
    });
  });

  test('gets a time zone completed', async () => {
    await withPeer(demo.time, async (peer) => {
      const { completion } = await peer.complete({
        ref: { type: 'ref/prompt', name: 'convert_time_detailed' },
        argument: { name: 'from_timezone', value: 'europe/lon' },
      });
      expect(completion.values).toEqual(['Europe/London']);
    });
  });

  test('calls every tool of fast test', async () => {
    await withPeer(demo.test, async (peer) => {
      const { tools } = await peer.listTools();
      expect(tools.map(({ name }) => name)).toEqual(['echo', 'get_system_time', 'get_stats']);
      const before = JSON.parse((await call(peer, 'get_stats')).text) as { requests_handled: number };
      expect(await call(peer, 'echo', { message: 'héllo 🌍' })).toEqual({ text: 'héllo 🌍', isError: false });
      expect((await call(peer, 'get_system_time')).text).toMatch(RFC_3339);
      expect((await call(peer, 'get_system_time', { timezone: 'Nowhere' })).isError).toBe(true);
      const after = JSON.parse((await call(peer, 'get_stats')).text) as { requests_handled: number };
      expect(after).toEqual({ server: 'fast-test', version: '1.0.0', requests_handled: before.requests_handled + 3 });
    });
  });
});

interface Called {
  readonly text: string;
  readonly isError: boolean;
}

function calledOf(result: Awaited<ReturnType<Client['callTool']>>): Called {
  const [block] = result.content;
  return { text: block?.type === 'text' ? block.text : '', isError: result.isError === true };
}
