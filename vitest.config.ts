import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Tests wait for events, so a test that reaches its timeout has failed; the limits only leave room for a busy machine.
 * An error or rejection that no test caught fails the run, as does a run without tests.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Holds times against each other, which is done alone: `npm run test:timing`.
    exclude: [...configDefaults.exclude, 'test/tracing/truth.test.ts'],
    isolate: true,
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    slowTestThreshold: 1000,
    allowOnly: false,
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
