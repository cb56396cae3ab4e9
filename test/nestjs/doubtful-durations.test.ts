import { afterEach, expect, it } from '@jest/globals';
import { DistributedLock } from '../../src/nestjs/index.js';
import { takeDoubtfulDurations } from '../../src/nestjs/doubtful-durations.js';
import { durationToMs } from '../../src/nestjs/duration.js';
import { start } from './support.js';

const SECONDS = { unit: 'seconds', leastMs: 1 } as const;

afterEach(() => void takeDoubtfulDurations());

it.each([1_000, 5_000, 30_000, 60_000, 90_000, 300_000, 900_000, 1_800_000])(
  '%d seconds are taken as they are, and doubted',
  (value) => {
    expect(durationToMs('here', 'wait', value, SECONDS)).toBe(value * 1_000);
    expect(takeDoubtfulDurations()).toEqual([expect.stringMatching(`^here: wait is ${value} seconds `)]);
  },
);

it.each([
  0.5,
  60,
  999,
  1_200,
  1_800,
  3_600,
  7_200,
  18_000,
  36_000,
  72_000,
  86_400,
  604_800,
  864_000,
  '30000s',
])('%p seconds are not doubted', (value) => {
  durationToMs('here', 'wait', value, SECONDS);
  expect(takeDoubtfulDurations()).toEqual([]);
});

it('milliseconds are not doubted', () => {
  durationToMs('here', 'retryDelay', 30_000, { unit: 'milliseconds', leastMs: 1 });
  expect(takeDoubtfulDurations()).toEqual([]);
});

it('the first application that starts warns once of each doubtful number', async () => {
  class Jobs {
    @DistributedLock({ ttl: 30_000, minHold: '30000s' })
    async run(): Promise<void> {}
  }
  const about = (lines: readonly string[]): string[] => lines.filter((line) => line.includes('seconds'));
  const first = await start({ providers: [Jobs] }, {});
  expect(about(first.log.of('DistributedLock', 'warn'))).toEqual([
    '@DistributedLock on Jobs.run: ttl is 30000 seconds (8.3 h), because a number counts seconds: ' +
      "write '30s' if milliseconds were meant, or '30000s' if not",
  ]);
  const second = await start({ providers: [Jobs] }, {});
  expect(about(second.log.of('DistributedLock', 'warn'))).toEqual([]);
});
