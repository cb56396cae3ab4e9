import { expect, it, jest } from '@jest/globals';

jest.unstable_mockModule('cron', () => {
  throw new Error("Cannot find package 'cron'");
});

it('without the package cron a schedule that needs it fails, and the error says what to do', async () => {
  const { readCronSchedule } = await import('../../src/nestjs/cron/cron-schedule.js');
  await expect(readCronSchedule({ cronTime: '* * * * *' }, 'Tasks.job')).rejects.toThrow(
    /^Tasks\.job has @Cron, .* quorlock needs the package cron.* npm install cron\. Or .* once: false/,
  );
  const schedule = await readCronSchedule({ cronTime: new Date(1_000) }, 'Tasks.job');
  expect(schedule.latest(1_001)).toBe(1_000);
});
