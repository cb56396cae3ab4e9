/** Samples in promtool's notation: `0+1x10` counts up, `0x10` stays. There is one sample every 30 s. */
type SamplesBySeries = Readonly<Record<string, string>>;

export interface AlertCase {
  readonly alert: string;
  /** What the alert does in this case. The name of the alert is its subject. */
  readonly claim: string;
  readonly series: SamplesBySeries;
  readonly at: string;
  /** The labels of each alert that fires; empty if none does. */
  readonly fires: readonly Readonly<Record<string, string>>[];
}

const states = (instance: string, node: string, byState: Readonly<Record<string, string>>): SamplesBySeries =>
  Object.fromEntries(
    ['connecting', 'ready', 'untrusted', 'unreachable', 'misconfigured', 'closed'].map((state) => [
      `quorlock_node_state{job="app",instance="${instance}",node="${node}",state="${state}"}`,
      byState[state] ?? '0x300',
    ]),
  );

const up = { ready: '1x300' };
const emptied = { untrusted: '1x300' };
const down = { unreachable: '1x300' };

const counter = (name: string, labels: string, samples: string): SamplesBySeries => ({
  [`quorlock_${name}{job="app",instance="1",${labels}}`]: samples,
});

const failed = (reason: string, samples: string) =>
  counter('failed_total', `lock="report",reason="${reason}"`, samples);
const acquired = (samples: string) => counter('acquired_total', 'lock="report"', samples);
const held = (samples: string) => counter('skipped_total', 'lock="report",reason="held"', samples);
const leases = (samples: string) => counter('leases_held', 'lock="report"', samples);
const votes = (vote: string, samples: string) => counter('votes_total', `node="a",vote="${vote}"`, samples);

const nextTick = (instance: string, samples: string): SamplesBySeries => ({
  [`quorlock_next_tick_timestamp_seconds{job="app",instance="${instance}",lock="report"}`]: samples,
});
const leader = (instance: string, samples: string): SamplesBySeries => ({
  [`quorlock_leader{job="app",instance="${instance}",lock="report"}`]: samples,
});

const app = { job: 'app' };
const report = { job: 'app', lock: 'report' };

export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'QuorlockNoQuorum',
    claim: 'fires for the process that cannot reach two of three nodes',
    series: {
      ...states('1', 'a', up),
      ...states('1', 'b', down),
      ...states('1', 'c', down),
      ...states('2', 'a', up),
    },
    at: '3m',
    fires: [{ ...app, instance: '1' }],
  },
  {
    alert: 'QuorlockNoQuorum',
    claim: 'fires when half of an even number of nodes is missing',
    series: { ...states('1', 'a', up), ...states('1', 'b', down) },
    at: '3m',
    fires: [{ ...app, instance: '1' }],
  },
  {
    alert: 'QuorlockNoQuorum',
    claim: 'is silent while a minority is missing',
    series: { ...states('1', 'a', up), ...states('1', 'b', up), ...states('1', 'c', down) },
    at: '3m',
    fires: [],
  },
  {
    alert: 'QuorlockNoQuorum',
    claim: 'is silent for a process that has closed its lock manager',
    series: { ...states('1', 'a', { closed: '1x300' }), ...states('1', 'b', { closed: '1x300' }) },
    at: '3m',
    fires: [],
  },
  {
    alert: 'QuorlockNoQuorum',
    claim: 'is silent while a starting process connects',
    series: states('1', 'a', { connecting: '1 0x300', ready: '0 1x300' }),
    at: '3m',
    fires: [],
  },
  {
    alert: 'QuorlockMajorityInQuarantine',
    claim: 'fires at once when two of three nodes lost their memory',
    series: { ...states('1', 'a', up), ...states('1', 'b', emptied), ...states('1', 'c', emptied) },
    at: '30s',
    fires: [{ ...app, instance: '1' }],
  },
  {
    alert: 'QuorlockMajorityInQuarantine',
    claim: 'is silent about one node of three',
    series: { ...states('1', 'a', up), ...states('1', 'b', up), ...states('1', 'c', emptied) },
    at: '3m',
    fires: [],
  },
  {
    alert: 'QuorlockNothingAcquired',
    claim: 'fires whatever the reason',
    series: { ...failed('untrusted', '0 0 1+1x20'), ...acquired('5x22') },
    at: '5m',
    fires: [app],
  },
  {
    alert: 'QuorlockNothingAcquired',
    claim: 'fires when attempts fail and none succeeds',
    series: { ...failed('unreachable', '0 0 1+1x20'), ...acquired('5x22') },
    at: '5m',
    fires: [app],
  },
  {
    alert: 'QuorlockNothingAcquired',
    claim: 'is silent while other attempts succeed',
    series: { ...failed('unreachable', '0 0 1+1x20'), ...acquired('0+1x22') },
    at: '5m',
    fires: [],
  },
  {
    alert: 'QuorlockAttemptsUnreachable',
    claim: 'fires at the first failure of a process that has not failed before',
    series: failed('unreachable', '0 0 0 0 1x20'),
    at: '2m',
    fires: [report],
  },
  {
    alert: 'QuorlockAttemptsUnreachable',
    claim: 'fires when too few nodes had a vote',
    series: failed('untrusted', '0 0 0 0 1x20'),
    at: '2m',
    fires: [report],
  },
  {
    alert: 'QuorlockAttemptsUnreachable',
    claim: 'is silent about failures that are long past',
    series: failed('unreachable', '0 0 7x100'),
    at: '30m',
    fires: [],
  },
  {
    alert: 'QuorlockAttemptsUnreachable',
    claim: 'is silent about split votes, which have their own alert',
    series: { ...failed('contended', '0+1x20'), ...failed('unreachable', '0x20') },
    at: '5m',
    fires: [],
  },
  {
    alert: 'QuorlockAttemptsContended',
    claim: 'fires when votes stayed split',
    series: failed('contended', '0 0 1x20'),
    at: '5m',
    fires: [report],
  },
  {
    alert: 'QuorlockAttemptsContended',
    claim: 'is silent about attempts that were unreachable',
    series: { ...failed('unreachable', '0+1x20'), ...failed('contended', '0x20') },
    at: '5m',
    fires: [],
  },
  {
    alert: 'QuorlockLeaseLost',
    claim: 'fires at the first lease that is lost, with the reason',
    series: counter('expired_total', 'lock="report",reason="stalled"', '0 0 1x20'),
    at: '2m',
    fires: [{ ...report, reason: 'stalled' }],
  },
  {
    alert: 'QuorlockLeaseLost',
    claim: 'is silent about leases that a shutdown ended',
    series: counter('expired_total', 'lock="report",reason="closed"', '0 0 1x20'),
    at: '2m',
    fires: [],
  },
  {
    alert: 'QuorlockNodeNotReady',
    claim: 'fires for a node that alternates between connecting and unreachable',
    series: {
      ...states('1', 'a', up),
      ...states('1', 'b', { connecting: '1 0 1 0 1 0 1 0 1 0', unreachable: '0 1 0 1 0 1 0 1 0 1' }),
    },
    at: '4m',
    fires: [{ ...app, node: 'b' }],
  },
  {
    alert: 'QuorlockNodeNotReady',
    claim: 'is silent about a node that restarts within a minute',
    series: states('1', 'a', { ready: '1 0 0 1x300', unreachable: '0 1 1 0x300' }),
    at: '4m',
    fires: [],
  },
  {
    alert: 'QuorlockNodeNotAnswering',
    claim: 'fires for a node that is connected and does not answer',
    series: { ...votes('granted', '50x20'), ...votes('timeout', '0+10x20'), ...votes('late', '0x20') },
    at: '8m',
    fires: [{ ...app, node: 'a' }],
  },
  {
    alert: 'QuorlockNodeNotAnswering',
    claim: 'is silent about a node that refuses, which is an answer',
    series: { ...votes('held', '0+10x20'), ...votes('timeout', '0+1x20') },
    at: '8m',
    fires: [],
  },
  {
    alert: 'QuorlockFallbackActive',
    claim: 'fires while a process locks within itself only',
    series: { 'quorlock_fallback_active{job="app",instance="1"}': '0 1x20' },
    at: '3m',
    fires: [app],
  },
  {
    alert: 'QuorlockFallbackActive',
    claim: 'is silent when no process locks within itself only',
    series: { 'quorlock_fallback_active{job="app",instance="1"}': '1 1 0x20' },
    at: '3m',
    fires: [],
  },
  {
    alert: 'QuorlockJobOverdue',
    claim: 'fires when all workers are gone and a tick is due',
    series: { ...nextTick('1', '600x8'), ...leases('0x8') },
    at: '30m',
    fires: [report],
  },
  {
    alert: 'QuorlockJobOverdue',
    claim: 'fires when the runs fail',
    series: { ...nextTick('1', '600x100'), ...leases('0x100') },
    at: '20m',
    fires: [report],
  },
  {
    alert: 'QuorlockJobOverdue',
    claim: 'is silent when one worker knows of a success, although another does not',
    series: { ...nextTick('1', '600x100'), ...nextTick('2', '600x25 4200x75'), ...leases('0x100') },
    at: '40m',
    fires: [],
  },
  {
    alert: 'QuorlockJobOverdue',
    claim: 'is silent while the job runs',
    series: { ...nextTick('1', '600x100'), ...leases('0x20 1x80') },
    at: '40m',
    fires: [],
  },
  {
    alert: 'QuorlockRunFailed',
    claim: 'fires at the first run that times out, with the outcome',
    series: counter('runs_total', 'lock="report",outcome="timed_out"', '0 0 1x20'),
    at: '2m',
    fires: [{ ...report, outcome: 'timed_out' }],
  },
  {
    alert: 'QuorlockRunFailed',
    claim: 'is silent about runs that succeed',
    series: counter('runs_total', 'lock="report",outcome="succeeded"', '0+1x20'),
    at: '5m',
    fires: [],
  },
  {
    alert: 'QuorlockTickMissed',
    claim: 'fires once, although two workers find the tick',
    series: {
      ...counter('ticks_missed_total', 'lock="report",reason="too_late"', '0 0 1x20'),
      'quorlock_ticks_missed_total{job="app",instance="2",lock="report",reason="too_late"}': '0 0 1x20',
    },
    at: '2m',
    fires: [{ ...report, reason: 'too_late' }],
  },
  {
    alert: 'QuorlockTickMissed',
    claim: 'clears when that is long past',
    series: counter('ticks_missed_total', 'lock="report",reason="too_late"', '0 0 1x100'),
    at: '30m',
    fires: [],
  },
  {
    alert: 'QuorlockTickAbandoned',
    claim: 'fires for a tick that nobody runs again',
    series: counter('ticks_abandoned_total', 'lock="report",reason="attempts"', '0 0 1x20'),
    at: '2m',
    fires: [{ ...report, reason: 'attempts' }],
  },
  {
    alert: 'QuorlockTickAbandoned',
    claim: 'is silent about a tick that is run again',
    series: counter('ticks_abandoned_total', 'lock="report",reason="retried"', '0 0 1x20'),
    at: '2m',
    fires: [],
  },
  {
    alert: 'QuorlockRunOverrun',
    claim: 'fires when a run goes on at the next tick',
    series: counter('run_overruns_total', 'lock="report"', '0 0 1x20'),
    at: '2m',
    fires: [report],
  },
  {
    alert: 'QuorlockRunOverrun',
    claim: 'is silent when runs end in time',
    series: counter('run_overruns_total', 'lock="report"', '3x20'),
    at: '5m',
    fires: [],
  },
  {
    alert: 'QuorlockNoLeader',
    claim: 'fires when none of the candidates leads',
    series: { ...leader('1', '0x20'), ...leader('2', '0x20') },
    at: '5m',
    fires: [report],
  },
  {
    alert: 'QuorlockNoLeader',
    claim: 'is silent while one process leads, and for the time of a TTL after its death',
    series: { ...leader('1', '1x5 0 0 0x20'), ...leader('2', '0x7 1x20') },
    at: '5m',
    fires: [],
  },
  {
    alert: 'QuorlockLockNotAcquired',
    claim: 'fires when a lock is skipped as held and no scraped process holds it',
    series: {
      ...held('0+1x300'),
      ...failed('unreachable', '0x300'),
      ...acquired('3x300'),
      ...leases('0x300'),
    },
    at: '90m',
    fires: [report],
  },
  {
    alert: 'QuorlockLockNotAcquired',
    claim: 'is silent while one process holds the lock for hours',
    series: {
      ...held('0+1x300'),
      ...failed('unreachable', '0x300'),
      ...acquired('1x300'),
      ...leases('1x300'),
    },
    at: '90m',
    fires: [],
  },
  {
    alert: 'QuorlockLockNotAcquired',
    claim: 'is silent just after such a long hold has ended',
    series: {
      ...held('0+1x200 200x100'),
      ...failed('unreachable', '0x300'),
      ...acquired('1x300'),
      ...leases('1x200 0x100'),
    },
    at: '110m',
    fires: [],
  },
  {
    alert: 'QuorlockLockNotAcquired',
    claim: 'is silent about a lock that nobody asks for',
    series: { ...held('0x300'), ...failed('unreachable', '0x300'), ...acquired('0x300'), ...leases('0x300') },
    at: '90m',
    fires: [],
  },
];
