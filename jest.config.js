import { swcOptions } from './scripts/swc-options.mjs';

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // The package's own name stands for the sources: the code of pages and examples is tested as it is.
    '^quorlock$': '<rootDir>/src/index.ts',
    '^quorlock/(.*)$': '<rootDir>/src/$1/index.ts',
  },
  transform: { '^.+\\.ts$': ['@swc/jest', swcOptions] },
  coverageProvider: 'v8',
  maxWorkers: 2,
  // Only a test that hangs reaches this. No test may fail because the machine is slow.
  testTimeout: 600_000,
};
