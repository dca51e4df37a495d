/** Through the local gateway, real clients get from the demo upstreams what they get from them directly. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDemoUpstreams, type DemoUpstreams } from '../../lib/local/demo/start.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { PEERS } from './clients.ts';
import { failedSteps, survey, type Plan } from './survey.ts';

const TIME: Plan = {
  tools: {
    get_system_time: [{}, { timezone: 'Asia/Kolkata' }, { timezone: 'Mars/Olympus' }],
    convert_time: [
      { time: '2026-07-01 12:00:00', source_timezone: 'Europe/Berlin', target_timezone: 'America/New_York' },
      { time: 'yesterday', source_timezone: 'Europe/Berlin', target_timezone: 'America/New_York' },
    ],
  },
  prompts: {
    compare_timezones: [{ timezones: 'UTC, Asia/Tokyo', reference_time: '2026-01-10T16:30:00Z' }, { timezones: '?' }],
    schedule_meeting: [{ participants: 'Paris, Tokyo', duration: '45', preferred_hours: '09:00-17:00' }],
    convert_time_detailed: [
      { time: '2026-01-10T10:00', from_timezone: 'UTC', to_timezones: 'Europe/London', include_context: 'true' },
    ],
  },
  uris: ['time://nowhere'],
  completions: [
    { ref: { type: 'ref/prompt', name: 'convert_time_detailed' }, name: 'from_timezone', value: 'europe/lon' },
  ],
};

const TEST: Plan = {
  tools: {
    echo: [{ message: 'héllo 🌍' }, { message: '', delay: 1 }, { message: 'x', delay: 1, delay_stddev: 1 }, {}],
    get_system_time: [{}, { timezone: 'Nowhere' }],
    get_stats: [{}],
  },
  prompts: {},
  uris: [],
  completions: [],
};

let upstreams: DemoUpstreams;
let gateway: TestGateway;

beforeAll(async () => {
  upstreams = await startDemoUpstreams();
  gateway = await startTestGateway({
    upstreams: { time: { url: upstreams.time }, test: { url: upstreams.test, prefix: '' } },
    servers: { default: { upstreams: ['time'] }, 'fast-test': { upstreams: ['test'] } },
  });
});

afterAll(async () => {
  await gateway?.close();
  await upstreams?.close();
});

describe.each(Object.entries(PEERS))('%s', (_, connect) => {
  test('gets the same from fast time behind a prefix as from fast time itself', async () => {
    const [through, direct] = [await connect(gateway.url()), await connect(upstreams.time)];
    const found = await survey(through, TIME, 'time__');
    expect(found).toEqual(await survey(direct, TIME));
    expect(failedSteps(found, /timezones":"\?"|time:\/\/nowhere/)).toEqual([]);
    expect(Object.keys(found).length).toBeGreaterThanOrEqual(21);
    await Promise.all([through.close(), direct.close()]);
  });

  test('gets the same from fast test at its own virtual server as from fast test itself', async () => {
    const [through, direct] = [await connect(gateway.url('fast-test')), await connect(upstreams.test)];
    const found = await survey(through, TEST);
    expect(found).toEqual(await survey(direct, TEST));
    expect(failedSteps(found)).toEqual([]);
    expect(Object.keys(found).length).toBeGreaterThanOrEqual(13);
    await Promise.all([through.close(), direct.close()]);
  });
});

test('several environments served each client', () => {
  const bySession = Map.groupBy(gateway.actions(), ({ session }) => session ?? 'modern');
  expect(bySession.size).toBeGreaterThan(8);
  for (const actions of bySession.values()) {
    expect(new Set(actions.map(({ environment }) => environment)).size).toBeGreaterThanOrEqual(2);
  }
  expect(gateway.reports).toEqual([]);
});
