import { swcOptions } from './scripts/swc-options.mjs';

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // The package's own name means the sources, so that the code of the README and of the examples is tested as it stands.
    '^quorlock$': '<rootDir>/src/index.ts',
    '^quorlock/(.*)$': '<rootDir>/src/$1/index.ts',
  },
  transform: { '^.+\\.ts$': ['@swc/jest', swcOptions] },
  coverageProvider: 'v8',
  maxWorkers: 2,
  // The end of what hangs, and of nothing else: no test may fail because the machine is slow.
  testTimeout: 600_000,
};
