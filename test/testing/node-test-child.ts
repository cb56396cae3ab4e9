import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testLocks } from '../../src/testing/index.js';

/** A user's test in the runner of Node, with everything mocked that it can mock. */
void test('a lock under mock.timers', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
  await using locks = testLocks();
  const other = await locks.hold('report');
  assert.equal(await locks.manager.tryAcquire('report'), null);
  const waiting = locks.manager.withLock('report', { waitMs: 60_000 }, async () => 'ran');
  await locks.clock.advance(1_000);
  await other.release();
  assert.equal(await waiting, 'ran');
  process.send?.(locks.calls.map(({ state }) => state));
});
