/**
 * The draws of every property test are the same in each run, so that no build breaks by chance. `BETZ_TEST_SEED=7 npx vitest run`
 * draws others, to look for what these miss.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['BETZ_TEST_SEED'] ?? 1) });
