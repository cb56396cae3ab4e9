import { expect, it } from '@jest/globals';
import { startChild } from '../support/child.js';

it('testLocks() works in the test runner of Node, under its mock timers', async () => {
  const child = startChild(new URL('./node-test-child.ts', import.meta.url));
  expect(await child.message()).toEqual(['skipped', 'released']);
  await child.kill();
});
