import { availableParallelism } from 'node:os';
import base from './jest.config.js';
import { ownUnitTests } from './scripts/unit-tests.mjs';

/** @type {import('jest').Config} */
export default {
  ...base,
  testMatch: ownUnitTests().map((file) => `<rootDir>/${file}`),
  // No test here measures time or starts a server: all cores may be busy.
  maxWorkers: Math.max(2, availableParallelism() - 1),
};
