import { expect, it } from '@jest/globals';
import { runJobs } from './harness/jobs.js';

it('runs no tick wrongly while workers are killed in the middle of their runs', async () => {
  const checked = await runJobs({
    seed: 1,
    workers: 3,
    // Until each of the jobs has lost a worker, and a tick was run again.
    isEnough: ({ kills, jobs }) => kills >= 3 && jobs.once.died > 0 && jobs.again.again > 0,
    say: () => undefined,
  });
  expect(checked.findings).toEqual([]);
  expect(checked.jobs.once.again).toBe(0);
});
