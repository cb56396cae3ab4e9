import { swcOptions } from './scripts/swc-options.mjs';

/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/test/support/environment.mjs',
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
  // One more than the machines of CI have cores: many tests mostly wait for servers.
  maxWorkers: 3,
  // Only a test that hangs reaches this. No test may fail because the machine is slow.
  testTimeout: 600_000,
};
