import { barGauge, bars, lines, type Query } from './panel-kinds.js';
import { bucketsOfLocks, countOfLocks, ofLocks, perMinute } from './promql.js';

const quantile = (q: number, by: string, buckets: string): string =>
  `histogram_quantile(${q}, sum by (${by}) (rate(${buckets}[$window])))`;

const acquireQuantile = (q: number): Query => ({
  expr: quantile(q, 'le', bucketsOfLocks('acquireDuration', 'outcome="acquired"')),
  legend: `p${q * 100}`,
});

/** Of waiting and of holding: where one lock is slow, the others may be quick. */
const byLock =
  (metric: 'waitDuration' | 'holdDuration') =>
  (q: number): Query => ({
    expr: quantile(q, 'le, lock', bucketsOfLocks(metric)),
    legend: `{{lock}} p${q * 100}`,
  });

/** What the locks do. */
export const lockPanels = () => [
  lines(
    { title: 'Acquired', description: 'Leases acquired each minute: how often the jobs run.', unit: 'cpm' },
    [{ expr: perMinute('lock', ofLocks('acquired')), legend: '{{lock}}' }],
  ),
  bars(
    {
      title: 'Skipped, by reason',
      description:
        'Attempts that rightly did nothing. held: another process has it. already_ran: the tick was run by another process. draining: this process is shutting down. With N processes on one cron job, N - 1 skips for each run are normal.',
      unit: 'cpm',
    },
    [{ expr: perMinute('reason', ofLocks('skipped')), legend: '{{reason}}' }],
  ),
  bars(
    {
      title: 'Failed, by reason',
      description:
        'Attempts that acquired nothing because something is wrong. unreachable: no majority of the nodes answered. contended: the votes stayed split among claimants. Zero is right.',
      unit: 'cpm',
    },
    [{ expr: perMinute('lock, reason', ofLocks('failed')), legend: '{{lock}} {{reason}}' }],
  ),
  lines(
    {
      title: 'Waiting, by lock',
      description:
        'Calls that wait for a lock, with waitMs or between retries, at the moment of the scrape. A number that stays or grows means that the lock is held for longer than its users can share it: see "Time held".',
      unit: 'short',
    },
    [{ expr: `sum by (lock) (${ofLocks('waiters')})`, legend: '{{lock}}' }],
  ),
  lines(
    {
      title: 'Time waited',
      description:
        'How long those waited who had to, by lock, whatever came of it; over the window chosen above. Empty where nobody had to wait in the window.',
      unit: 's',
    },
    [0.5, 0.95].map(byLock('waitDuration')),
  ),
  lines(
    {
      title: 'Waits, by lock',
      description:
        'Waits that ended each minute. Beside "Acquired" it shows how many of the calls had to wait at all: the time waited is of those only.',
      unit: 'cpm',
    },
    [{ expr: perMinute('lock', countOfLocks('waitDuration')), legend: '{{lock}}' }],
  ),
  lines(
    {
      title: 'Held, by lock',
      description: 'Leases held. A lock of one resource stands at 0 or 1; more means several resources.',
      unit: 'short',
    },
    [{ expr: `sum by (lock) (${ofLocks('leasesHeld')})`, legend: '{{lock}}' }],
  ),
  bars(
    {
      title: 'Expired, by reason',
      description:
        "Leases that ended before their holder released them. unreachable: not extended in time. taken: the keys were gone or another's. not_extended: automatic extension was off. max_hold: held too long. stalled: the process did not run in time. closed: it shut down while it held.",
      unit: 'cpm',
    },
    [{ expr: perMinute('lock, reason', ofLocks('expired')), legend: '{{lock}} {{reason}}' }],
  ),
  bars(
    {
      title: 'Extensions, by outcome',
      description:
        'Extensions of held leases. A failed one is tried again while validity is left: failures without an expiry did no harm.',
      unit: 'cpm',
    },
    [{ expr: perMinute('outcome', ofLocks('extensions')), legend: '{{outcome}}' }],
  ),
  lines(
    {
      title: 'Time to acquire',
      description:
        'From asking for a lock to having it, waiting and retries included; over the window chosen above. Empty where nothing was acquired in the window.',
      unit: 's',
    },
    [0.5, 0.95, 0.99].map(acquireQuantile),
  ),
  lines(
    {
      title: 'Time held',
      description:
        'From acquiring a lease to its end, by lock; over the window chosen above. Empty where nothing ended in the window.',
      unit: 's',
    },
    [0.5, 0.95].map(byLock('holdDuration')),
  ),
  barGauge(
    {
      title: 'Since the last run',
      description:
        "How long ago any process that is still scraped acquired the lock. Longer than the job's period: a run is missing.",
      unit: 's',
    },
    { expr: `time() - (max by (lock) (${ofLocks('lastRun')}) > 0)`, legend: '{{lock}}' },
  ),
];
