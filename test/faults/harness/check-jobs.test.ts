import { describe, expect, it } from '@jest/globals';
import { checkJobs } from './check-jobs.js';
import type { Job, JobRecord } from './job-records.js';

/** A record of tick 0, 1, … second of a job, written at so many milliseconds. */
const mark = (
  type: 'still' | 'ended' | 'recorded',
  at: number,
  second: number,
  attempt = 1,
  worker = 'a',
): JobRecord => ({ type, job, tick: second * 1_000, attempt, at, worker });
const began = (at: number, second: number, attempt = 1, worker = 'a', token = at): JobRecord => ({
  ...{ type: 'began', job, tick: second * 1_000, attempt, at, worker, token },
});
const job: Job = 'again';
const once = (record: JobRecord): JobRecord => ({ ...record, job: 'once' }) as JobRecord;
const ran = (second: number): JobRecord[] => [
  began(second * 1_000 + 1, second),
  mark('ended', second * 1_000 + 50, second),
  mark('recorded', second * 1_000 + 60, second),
];
const found = (...records: readonly JobRecord[]): readonly string[] => checkJobs(records).findings;

describe('the check of the record of runs', () => {
  it('finds nothing in runs that are as they should be, and counts them', () => {
    const died = [
      began(1_001, 1),
      mark('still', 1_100, 1),
      { type: 'killed', at: 1_120, worker: 'a' } as const,
    ];
    const again = [began(1_800, 1, 2, 'b'), mark('ended', 1_900, 1, 2, 'b')];
    const checked = checkJobs([...ran(0), ...died, ...again, ...ran(2)]);
    expect(checked.findings).toEqual([]);
    expect(checked.kills).toBe(1);
    expect(checked.jobs.again).toEqual({ due: 3, succeeded: 3, died: 1, again: 1 });
  });

  it.each<[string, readonly JobRecord[], RegExp]>([
    ['a tick that runs twice without retry', [...ran(0), began(500, 0, 2, 'b')].map(once), /ran twice/],
    ['an attempt that does not count up', [began(1, 0, 2), began(500, 0, 2, 'b')], /does not count up/],
    ['a run of a tick whose end is on record', [...ran(0), began(500, 0, 2, 'b')], /end was on record/],
    ['a run of an earlier tick', [...ran(1), began(1_500, 0, 1, 'b')], /after a later one/],
    ['a token that does not grow', [...ran(0), began(1_001, 1, 1, 'b', 1)], /token/],
    ['two runs at once', [began(1, 0), mark('still', 900, 0), began(800, 0, 2, 'b')], /beside another run/],
    ['a tick that nobody ran', [...ran(0), ...ran(5)], /run by nobody/],
  ])('finds %s', (_what, records, message) => {
    expect(found(...records).join('\n')).toMatch(message);
  });

  it('leaves out ticks near which a worker was killed, came up or did not run', () => {
    const near = [
      { type: 'killed', at: 1_900, worker: 'a' },
      { type: 'stalled', at: 2_500, until: 4_000, worker: 'b' },
    ] as const;
    expect(found(...ran(0), ...near, ...ran(5))).toEqual([]);
  });
});
