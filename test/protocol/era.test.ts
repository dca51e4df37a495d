import { expect, test } from 'vitest';
import {
  BATCH_VERSION,
  isLegacyVersion,
  isModernVersion,
  LATEST_LEGACY,
  LATEST_MODERN,
  LEGACY_VERSIONS,
  MODERN_VERSIONS,
} from '../../lib/protocol/era.ts';

test('2026-07-28 is modern', () => {
  expect([isModernVersion('2026-07-28'), isLegacyVersion('2026-07-28')]).toEqual([true, false]);
});

test.each(['2025-11-25', '2025-06-18', '2025-03-26'])('%s is legacy', (version) => {
  expect([isModernVersion(version), isLegacyVersion(version)]).toEqual([false, true]);
});

test.each(['2024-11-05', '2027-01-01', 'DRAFT', '', '2026-07-28 ', undefined, null, 20260728, ['2026-07-28']])(
  '%j is in neither era',
  (version) => {
    expect([isModernVersion(version), isLegacyVersion(version)]).toEqual([false, false]);
  },
);

test('the newest revision of each era comes first', () => {
  expect([LATEST_MODERN, LATEST_LEGACY]).toEqual(['2026-07-28', '2025-11-25']);
  for (const versions of [MODERN_VERSIONS, LEGACY_VERSIONS])
    expect(versions).toEqual([...versions].toSorted().toReversed());
});

test('batches exist in 2025-03-26', () => {
  expect(BATCH_VERSION).toBe('2025-03-26');
});
