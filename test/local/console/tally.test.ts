import { expect, test } from 'vitest';
import { medianUpstreamMs, tallyByUpstream } from '../../../lib/local/console/page/tally.ts';
import { actionLine } from './lines.ts';

test('actions are counted for their upstream, and time is that of those that went there', () => {
  const lines = [
    ...[30, 10, 20].map((upstreamMs) => actionLine({ upstreamMs })),
    actionLine({ replayed: true, upstreamRequests: 0, upstreamMs: 0 }),
    actionLine({ upstream: 'test', outcome: 'error', upstreamMs: 5 }),
    actionLine({ upstream: 'test', outcome: 'tool-error', upstreamMs: 7 }),
    actionLine({ upstream: 'left-alone', outcome: 'refused', upstreamRequests: 0, upstreamMs: 0 }),
    actionLine({ upstream: null, upstreamRequests: 0, upstreamMs: 0 }),
  ];
  const tallies = tallyByUpstream(lines);
  expect(tallies.get('time')).toEqual({ calls: 4, errors: 0, upstreamMs: 20 });
  expect(tallies.get('test')).toEqual({ calls: 2, errors: 1, upstreamMs: 5 });
  expect(tallies.get('left-alone')).toEqual({ calls: 1, errors: 0, upstreamMs: null });
  expect(medianUpstreamMs(lines)).toBe(10);
});
