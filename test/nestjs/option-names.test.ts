import { expect, it } from '@jest/globals';
import { LockManager } from '../../src/index.js';
import { createManager } from '../../src/nestjs/quorlock-options.js';

const OF_MODULE_ONLY = [
  ...['app', 'drainMs', 'isGlobal', 'listeners', 'logLevel', 'name'],
  ...['redlock', 'requireQuorum', 'runs', 'strictKeys'],
];

/** The options that are named where one is refused that nobody knows. */
function namedBy(make: (options: never) => unknown): string[] {
  try {
    make({ nodes: [], noSuchOption: true } as never);
  } catch (error) {
    const names = /unknown option "noSuchOption"; the options are (.*)$/.exec((error as Error).message)?.[1];
    if (names !== undefined) return names.split(', ');
  }
  throw new Error('an unknown option was not refused');
}

it('the module knows every option of a manager, and its own', () => {
  const ofManager = namedBy((options) => new LockManager(options));
  expect(namedBy(createManager).toSorted()).toEqual([...ofManager, ...OF_MODULE_ONLY].toSorted());
});
