import tseslint from 'typescript-eslint';

/** Folders that run in Node, a worker and a browser alike: no host, no wall clock, no hidden randomness. */
const PURE = ['core', 'kernels', 'tensor', 'signal', 'decoders', 'calibration', 'task'].map(
  (f) => `src/${f}/**/*.ts`,
);

export default tseslint.config(
  {
    ignores: [
      'dist',
      'build',
      'coverage',
      'node_modules',
      'src/kernels/assembly',
      '**/*.cjs',
      '**/*.mjs',
      '*.js',
      '**/*.d.ts',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'always' }],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: PURE,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take an Rng as an argument.' },
        { object: 'Date', property: 'now', message: 'Take a Clock as an argument.' },
      ],
      'no-restricted-globals': ['error', 'Date', 'console', 'performance', 'process', 'Buffer'],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
