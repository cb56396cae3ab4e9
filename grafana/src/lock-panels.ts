import { barGauge, bars, lines, type Query } from './panel-kinds.js';
import { bucketsOfLocks, countOfLocks, ofLocks, perMinute } from './promql.js';

const quantile = (q: number, by: string, buckets: string): string =>
  `histogram_quantile(${q}, sum by (${by}) (rate(${buckets}[$window])))`;

const acquireQuantile = (q: number): Query => ({
  expr: quantile(q, 'le', bucketsOfLocks('acquireDuration', 'outcome="acquired"')),
  legend: `p${q * 100}`,
});

/** Quantiles for each lock: one lock may be slow while the others are quick. */
const byLock =
  (metric: 'waitDuration' | 'holdDuration') =>
  (q: number): Query => ({
    expr: quantile(q, 'le, lock', bucketsOfLocks(metric)),
    legend: `{{lock}} p${q * 100}`,
  });

/** The panels about locks. */
export const lockPanels = () => [
  lines(
    { title: 'Acquired', description: 'Leases acquired per minute: how often the jobs run.', unit: 'cpm' },
    [{ expr: perMinute('lock', ofLocks('acquired')), legend: '{{lock}}' }],
  ),
  bars(
    {
      title: 'Skipped, by reason',
      description:
        'Calls that rightly acquired nothing. held: another process has the lock. already_ran: another ' +
        'process has run the tick. draining: this process is shutting down. With N processes on one cron ' +
        'job, N - 1 skips for each run are normal.',
      unit: 'cpm',
    },
    [{ expr: perMinute('reason', ofLocks('skipped')), legend: '{{reason}}' }],
  ),
  bars(
    {
      title: 'Failed, by reason',
      description:
        'Calls that acquired nothing because of a fault. unreachable: no majority of the nodes answered. ' +
        'untrusted: too many nodes had no vote, because they had lost their memory. contended: the votes ' +
        'stayed split between several processes. Zero is normal.',
      unit: 'cpm',
    },
    [{ expr: perMinute('lock, reason', ofLocks('failed')), legend: '{{lock}} {{reason}}' }],
  ),
  lines(
    {
      title: 'Waiting, by lock',
      description:
        'Calls that wait for a lock at the moment of the scrape, with waitMs or between retries. If the ' +
        'number stays or grows, the lock is held for too long for all its users: see "Time held".',
      unit: 'short',
    },
    [{ expr: `sum by (lock) (${ofLocks('waiters')})`, legend: '{{lock}}' }],
  ),
  lines(
    {
      title: 'Time waited',
      description:
        'How long calls waited for a lock, with any outcome, in the window chosen above. Calls that did ' +
        'not wait are not counted. Empty if no wait ended in the window.',
      unit: 's',
    },
    [0.5, 0.95].map(byLock('waitDuration')),
  ),
  lines(
    {
      title: 'Waits, by lock',
      description:
        'Waits that ended per minute. Compare with "Acquired" to see how many of the calls had to wait. ' +
        '"Time waited" is about these calls only.',
      unit: 'cpm',
    },
    [{ expr: perMinute('lock', countOfLocks('waitDuration')), legend: '{{lock}}' }],
  ),
  lines(
    {
      title: 'Held, by lock',
      description:
        'Leases held. A lock on one resource is at 0 or 1. A higher number means several resources.',
      unit: 'short',
    },
    [{ expr: `sum by (lock) (${ofLocks('leasesHeld')})`, legend: '{{lock}}' }],
  ),
  bars(
    {
      title: 'Lost, by reason',
      description:
        'Leases that were lost: they ended before their holder released them (quorlock_expired_total). ' +
        'unreachable: no majority answered in time to extend. mismatch: the nodes vote under another list ' +
        'of nodes than the process has. taken: the keys were gone, or had another ' +
        'owner. not_extended: automatic extension was off. max_hold: held for longer than maxHoldMs. ' +
        'stalled: the process did not run in time. closed: the lock manager was closed.',
      unit: 'cpm',
    },
    [{ expr: perMinute('lock, reason', ofLocks('expired')), legend: '{{lock}} {{reason}}' }],
  ),
  bars(
    {
      title: 'Extensions, by outcome',
      description:
        'Extensions of held leases. A failed one is tried again while the lease is valid. Failures ' +
        'without a lost lease did no harm.',
      unit: 'cpm',
    },
    [{ expr: perMinute('outcome', ofLocks('extensions')), legend: '{{outcome}}' }],
  ),
  lines(
    {
      title: 'Time to acquire',
      description:
        'Time from a call to its lease, including waiting and retries, in the window chosen above. Empty ' +
        'if nothing was acquired in the window.',
      unit: 's',
    },
    [0.5, 0.95, 0.99].map(acquireQuantile),
  ),
  lines(
    {
      title: 'Time held',
      description:
        'Time from acquiring a lease to its end, by lock, in the window chosen above. Empty if no lease ' +
        'ended in the window.',
      unit: 's',
    },
    [0.5, 0.95].map(byLock('holdDuration')),
  ),
  barGauge(
    {
      title: 'Since the last run',
      description:
        'How long ago a process that is still scraped last acquired the lock. If it is longer than the ' +
        "job's period, a run is missing.",
      unit: 's',
    },
    { expr: `time() - (max by (lock) (${ofLocks('lastRun')}) > 0)`, legend: '{{lock}}' },
  ),
];
