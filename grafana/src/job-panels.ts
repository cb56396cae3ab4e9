import { bars, heatmap, lines, stat, states, table, worseFrom, type Query } from './panel-kinds.js';
import { bucketsOfLocks, ofLocks, perMinute } from './promql.js';

const byJob = (aggregation: 'sum' | 'max', expr: string): string => `${aggregation} by (lock) (${expr})`;
const inRange = (selector: string): string => `increase(${selector}[$__range])`;

/** Seconds since the first tick that has not succeeded; negative: it is not due yet. */
const overdue = `(time() - ${byJob('max', ofLocks('nextTick'))})`;
const succeeded = byJob('sum', inRange(ofLocks('runs', 'outcome="succeeded"')));
const ended = byJob('sum', inRange(ofLocks('runs')));

const lateness = (q: number): Query => ({
  expr: `histogram_quantile(${q}, sum by (le, lock) (rate(${bucketsOfLocks('tickLateness')}[$window])))`,
  legend: `{{lock}} p${q * 100}`,
});

/** The first row: whether any job is in trouble. */
export const jobSummaryPanels = () => [
  stat(
    {
      title: 'Jobs overdue',
      description:
        'Jobs with a tick that was due five minutes ago or earlier, and that no run has succeeded for. A ' +
        'job that runs now is counted too.',
      unit: 'short',
    },
    { expr: `sum(${overdue} > bool 300)`, legend: 'jobs' },
    worseFrom(1, 'red'),
  ),
  stat(
    {
      title: 'Runs that ended badly',
      description: 'Runs in the chosen time range that failed, took too long or lost their lock.',
      unit: 'short',
    },
    { expr: `sum(${inRange(ofLocks('runs', 'outcome!="succeeded"'))})`, legend: 'runs' },
    worseFrom(0.5, 'red'),
  ),
  stat(
    {
      title: 'Ticks missed',
      description: 'Scheduled runs in the chosen time range that did not take place, and will not.',
      unit: 'short',
    },
    { expr: `sum(max by (lock, reason) (${inRange(ofLocks('ticksMissed'))}))`, legend: 'ticks' },
    worseFrom(0.5, 'red'),
  ),
  stat(
    {
      title: 'Ticks abandoned',
      description:
        'Runs in the chosen time range that began and did not end, because their worker died or lost its ' +
        'lease. Those that were retried are counted too.',
      unit: 'short',
    },
    { expr: `sum(max by (lock, reason) (${inRange(ofLocks('ticksAbandoned'))}))`, legend: 'ticks' },
    worseFrom(0.5, 'orange'),
  ),
  stat(
    {
      title: 'Overruns',
      description: 'Runs in the chosen time range that went on when the next tick was due.',
      unit: 'short',
    },
    { expr: `sum(${inRange(ofLocks('runOverruns'))})`, legend: 'runs' },
    worseFrom(0.5, 'orange'),
  ),
  stat(
    {
      title: 'Processes',
      description: 'Processes that know a job. All of them gone is an alert: see "Jobs overdue".',
      unit: 'short',
    },
    { expr: `count(count by (job, instance) (${ofLocks('nextTick')}))`, legend: 'processes' },
  ),
];

/** The table of all jobs. */
export const jobTablePanels = () => [
  table(
    {
      title: 'All jobs',
      description:
        'Each job: how long ago it last succeeded, for how long it has been overdue, when it is next due, ' +
        'the share of its runs that succeeded and the duration that 95 of 100 runs stay below, and how ' +
        'many ticks were run again because a worker died. The last three are about the chosen time range.',
      unit: 's',
    },
    [
      { expr: `time() - ${byJob('max', ofLocks('lastSuccess'))}`, legend: 'last success', unit: 's' },
      { expr: `clamp_min(${overdue}, 0)`, legend: 'overdue for', unit: 's', redFrom: 300 },
      { expr: `clamp_min(0 - ${overdue}, 0)`, legend: 'due in', unit: 's' },
      { expr: `${succeeded} / (${ended} > 0)`, legend: 'success rate', unit: 'percentunit' },
      {
        expr: `histogram_quantile(0.95, sum by (le, lock) (${inRange(bucketsOfLocks('runDuration'))}))`,
        legend: 'p95 duration',
        unit: 's',
      },
      {
        expr: byJob('max', inRange(ofLocks('ticksAbandoned', 'reason="retried"'))),
        legend: 'retried',
        unit: 'short',
      },
    ],
  ),
];

/** The panels about runs over time. */
export const runPanels = () => [
  bars(
    {
      title: 'Runs, by outcome',
      description:
        'Runs that ended, per minute. failed: the job threw an error. timed_out: it took longer than its ' +
        'timeout. lost: its lease ended before it, or its end could not be put on record.',
      unit: 'cpm',
    },
    [{ expr: perMinute('lock, outcome', ofLocks('runs')), legend: '{{lock}} {{outcome}}' }],
  ),
  heatmap(
    {
      title: 'Durations of runs',
      description: 'How many runs took how long: a job that grows slower climbs.',
      unit: 's',
    },
    {
      expr: `sum by (le) (increase(${bucketsOfLocks('runDuration')}[$__rate_interval]))`,
      legend: '{{le}}',
    },
  ),
  lines(
    {
      title: 'Lateness',
      description:
        'From the scheduled instant to the beginning of the run, in the window chosen above. Minutes are ' +
        'runs that were caught up or retried, or that waited for the run before.',
      unit: 's',
    },
    [0.5, 0.95].map(lateness),
  ),
  bars(
    {
      title: 'Missed and abandoned, by reason',
      description:
        'Ticks that did not run, and ticks that were begun and did not end, per minute. What each reason ' +
        'means is in the documentation of scheduled runs.',
      unit: 'cpm',
    },
    [
      {
        expr: `max by (lock, reason) (rate(${ofLocks('ticksMissed')}[$__rate_interval])) * 60`,
        legend: '{{lock}} missed: {{reason}}',
      },
      {
        expr: `max by (lock, reason) (rate(${ofLocks('ticksAbandoned')}[$__rate_interval])) * 60`,
        legend: '{{lock}} abandoned: {{reason}}',
      },
    ],
  ),
  bars(
    {
      title: 'Runs, by process',
      description: 'Which processes run the jobs, per minute. If one runs them all, give the jobs a spread.',
      unit: 'cpm',
    },
    [{ expr: perMinute('instance', ofLocks('runs')), legend: '{{instance}}' }],
  ),
  bars(
    {
      title: 'Overruns, by job',
      description: 'Runs per minute that went on when the next tick was due.',
      unit: 'cpm',
    },
    [{ expr: perMinute('lock', ofLocks('runOverruns')), legend: '{{lock}}' }],
  ),
  states(
    {
      title: 'Running now, by process',
      description: 'Which process holds the lock of a job, at each moment.',
      unit: 'short',
    },
    {
      expr: `max by (lock, instance) (${ofLocks('leasesHeld')} and on (lock) ${ofLocks('nextTick')})`,
      legend: '{{lock}} {{instance}}',
    },
  ),
  states(
    {
      title: 'Leaders',
      description: 'Which process leads, for each election that any process stands for.',
      unit: 'short',
    },
    { expr: `max by (lock, instance) (${ofLocks('leader')})`, legend: '{{lock}} {{instance}}' },
  ),
];
