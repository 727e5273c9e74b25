import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    // Ends what hangs; how long work takes is for the benches, and a busy machine is ten times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
