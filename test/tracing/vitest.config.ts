import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.config.ts';

/** What is held to times, with nothing beside it. */
export default mergeConfig(
  { ...shared, test: { ...shared.test, include: [], exclude: configDefaults.exclude } },
  defineConfig({ test: { include: ['test/tracing/truth.test.ts'], maxWorkers: 1 } }),
);
