/** The tables of the page: their columns, and who should look at them. */

export interface Column {
  readonly figure: string;
  readonly title: string;
}

export interface Section {
  readonly scenario: string;
  readonly title: string;
  /** Who should look at it, and what for. */
  readonly concerns: string;
  readonly columns: readonly Column[];
  /** Whether more or less is better. Without it there are no ratios. */
  readonly better?: 'more' | 'less';
}

const THROUGHPUT: readonly Column[] = [
  { figure: 'perSecond', title: 'cycles/s' },
  { figure: 'p50', title: 'p50 ms' },
  { figure: 'p99', title: 'p99 ms' },
];
const HANDOFFS: readonly Column[] = [
  { figure: 'perSecond', title: 'hand-offs/s' },
  { figure: 'p50', title: 'hand-off p50 ms' },
  { figure: 'p99', title: 'hand-off p99 ms' },
  { figure: 'commands', title: 'commands per hand-off' },
  { figure: 'least', title: 'least served' },
  { figure: 'most', title: 'most served' },
  { figure: 'starved', title: 'starved' },
  { figure: 'overlaps', title: 'overlaps' },
];
/** Columns that are shown only if there are figures for them. */
const ERRORS: Column = { figure: 'errors', title: 'errors' };
export const TROUBLE: readonly Column[] = [ERRORS, { figure: 'unfinished', title: 'unfinished' }];
const CPU: Column = { figure: 'cpuUs', title: 'client CPU µs/cycle' };

/** The columns of each table. Ratios are made of the first. */
export const SECTIONS: readonly Section[] = [
  {
    scenario: 'uncontended',
    title: 'Uncontended: acquire and release',
    concerns:
      'For everybody who takes locks that are mostly free. 1 in flight is a cron job or a single ' +
      'request: its time is what a caller waits. 16 and 128 are a busy web service: its throughput ' +
      'is how many requests a process can lock.',
    columns: [...THROUGHPUT, CPU, ...TROUBLE],
    better: 'more',
  },
  {
    scenario: 'open',
    title: 'Open load: cycles that begin at a fixed rate, N = {n}',
    concerns:
      'For services whose requests come whether or not the earlier ones are through. The p99 is ' +
      'what one request in a hundred waits at that rate, stalls included.',
    columns: [
      { figure: 'p99', title: 'p99 ms' },
      { figure: 'p50', title: 'p50 ms' },
      { figure: 'perSecond', title: 'cycles/s done' },
      ...TROUBLE,
    ],
    better: 'less',
  },
  {
    scenario: 'distance',
    title: 'Distance: a network between the client and the nodes, N = {n}',
    concerns:
      'For everybody whose servers are on other machines: with a network in between, it is mostly the ' +
      'number of round trips that a caller waits for. One far node is a third data centre: it should not ' +
      'be felt while the others answer.',
    columns: [
      ...THROUGHPUT,
      CPU,
      { figure: 'pingMs', title: 'PING ms' },
      { figure: 'lateP50', title: 'late p50 ms' },
      { figure: 'lateP99', title: 'late p99 ms' },
      ...TROUBLE,
    ],
    better: 'more',
  },
  {
    scenario: 'contended',
    title: 'Contended: one resource, N = {n}',
    concerns:
      'For many callers that want the same thing: a queue of one, a hot account. It matters how ' +
      'many get their turn in a second, that nobody is left out, and how much the servers are asked ' +
      'meanwhile.',
    columns: [...HANDOFFS, ERRORS],
    better: 'more',
  },
  {
    scenario: 'waiting',
    title: 'Waiting at scale: very many waiters, N = {n}',
    concerns:
      'For whole fleets that wait: every instance of a service behind one leader, or a queue for each ' +
      'customer. It matters that nobody is left out, and that the servers are asked no more often because ' +
      'more processes wait.',
    columns: [
      ...HANDOFFS,
      { figure: 'lists', title: 'wait lists on a node' },
      { figure: 'listBytes', title: 'their bytes' },
      ERRORS,
    ],
    better: 'more',
  },
  {
    scenario: 'held',
    title: 'Held: leases that extend themselves, TTL 10 s, N = {n}',
    concerns:
      'For long jobs, leaders and sessions: leases that are kept for minutes. It is what a process ' +
      'pays for them while nothing happens.',
    columns: [
      { figure: 'cpuSeconds', title: 'client CPU s per 30 s' },
      { figure: 'heapBytes', title: 'heap bytes per lease' },
      { figure: 'rssBytes', title: 'RSS bytes per lease' },
      { figure: 'commandsPerSecond', title: 'commands/s' },
      { figure: 'lost', title: 'lost' },
      ERRORS,
    ],
    better: 'less',
  },
  {
    scenario: 'down',
    title: 'Nodes down: 16 in flight, N = {n}',
    concerns: "For everybody: it is what a failure of one or two servers does to the others' pace.",
    columns: [...THROUGHPUT, CPU, ...TROUBLE],
    better: 'more',
  },
  {
    scenario: 'cluster',
    title: 'A Cluster as a voter: quorlock on three voters',
    concerns:
      'For those whose servers include a Redis Cluster. A call goes to one slot, so what arises together ' +
      'takes a call for each slot there, and one in all on a single server.',
    columns: [...THROUGHPUT, CPU, { figure: 'commands', title: 'commands per cycle' }, ...TROUBLE],
    better: 'more',
  },
  {
    scenario: 'postgres',
    title: 'PostgreSQL as the only voter',
    concerns:
      'For those who have a database and no Redis: what a lock in it costs, against what you would write ' +
      'yourself. It is not to be compared with five Redis servers: it is one voter.',
    columns: [...THROUGHPUT, CPU, ...TROUBLE],
    better: 'more',
  },
  {
    scenario: 'memory',
    title: 'Memory on a node: distinct keys, each locked and released once',
    concerns:
      'For those who lock a new name each time, such as an order or a message: it is what stays on ' +
      'the servers.',
    columns: [
      { figure: 'bytes', title: 'bytes per key, released' },
      { figure: 'keysLeft', title: 'keys left per key' },
      { figure: 'bytesExpired', title: 'bytes per key, all expired' },
    ],
  },
  {
    scenario: 'features',
    title: 'What the features cost: quorlock, N = {n}, 128 in flight',
    concerns: 'For those who wonder what safety costs: quorlock with one feature off at a time.',
    columns: [...THROUGHPUT, CPU],
    better: 'more',
  },
];
