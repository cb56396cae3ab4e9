import { startChild, type Child } from '../../test/support/child.js';
import type { RedisServers } from '../../test/support/redis-servers.js';
import type { Job, Report, WorkerMessage } from './job.js';
import { quantile } from './statistics.js';
import { subjectOf } from './subjects.js';

/** What is measured, of one library, once. `figures` is empty where it failed, and `note` says how. */
export interface Measurement {
  readonly scenario: string;
  readonly subject: string;
  readonly setting: string;
  readonly round: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly note?: string;
}

export interface Cell {
  readonly scenario: string;
  readonly nodes: number;
  readonly processes?: number;
  readonly job: Job extends infer J ? (J extends Job ? Omit<J, 'sockets'> : never) : never;
  /** What is done to the nodes before it starts. */
  readonly fault?: { readonly how: 'stopped' | 'killed'; readonly nodes: number };
}

/** Beyond what a job says that it takes: starting, connecting, and for a library that hangs. */
const PATIENCE_MS = 30_000;

type Message = Child<WorkerMessage>;

/** Runs one cell: its processes connect, then all go at once. */
export async function measure(cell: Cell, redis: RedisServers, round: number): Promise<Measurement> {
  const { scenario, job, nodes, processes = 1, fault } = cell;
  const { subject, setting } = job;
  const about = { scenario, subject, setting, round };
  const servers = redis.servers.slice(0, nodes);
  await Promise.all(servers.map((server) => server.client().flushall()));
  const sockets = servers.map((server) => server.path);
  const children = Array.from({ length: processes }, () =>
    startChild<WorkerMessage>(new URL('./worker.ts', import.meta.url)),
  );
  const hurt = fault === undefined ? [] : servers.slice(-fault.nodes);
  try {
    for (const child of children) child.send({ ...job, sockets });
    await Promise.all(children.map((child) => answer(child, 'ready', PATIENCE_MS)));
    const before = await commandsOf(subject, redis, nodes);
    for (const server of hurt) {
      if (fault?.how === 'stopped') server.pause();
      else await server.kill();
    }
    for (const child of children) child.send('go');
    const ms = 'ms' in job ? job.ms + PATIENCE_MS : 4 * PATIENCE_MS;
    const reports = await Promise.all(children.map((child) => answer(child, 'report', ms)));
    const commands = hurt.length > 0 ? Number.NaN : (await commandsOf(subject, redis, nodes)) - before;
    return { ...about, figures: figuresOf(cell, reports as Report[], commands) };
  } catch (error) {
    return {
      ...about,
      figures: {},
      note: error instanceof Error ? error.message.split('\n')[0]! : String(error),
    };
  } finally {
    await Promise.all(children.map((child) => child.kill()));
    for (const server of hurt) {
      if (fault?.how === 'stopped') server.resume();
      else await server.start();
    }
  }
}

async function answer(child: Message, what: 'ready' | 'report', withinMs: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${withinMs / 1_000} s`)), withinMs);
  });
  try {
    const message = await Promise.race([child.message((one) => what in one || 'failure' in one), late]);
    if ('failure' in message) throw new Error(message.failure);
    return 'report' in message ? message.report : undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** How many commands clients have sent to all nodes for locks. */
async function commandsOf(subject: string, redis: RedisServers, nodes: number): Promise<number> {
  const counted = ['evalsha', 'eval', ...(subjectOf(subject).plainSet ? ['set'] : [])];
  const stats = await Promise.all(
    redis.servers.slice(0, nodes).map((server) => server.client().info('commandstats')),
  );
  return stats
    .flatMap((text) =>
      counted.map((name) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(text)?.[1] ?? 0)),
    )
    .reduce((sum, calls) => sum + calls, 0);
}

function figuresOf({ job }: Cell, reports: readonly Report[], commands: number): Record<string, number> {
  const [first] = reports;
  if (job.kind === 'held') return { ...first!.figures, commandsPerS: (commands / job.ms) * 1_000 };
  if (job.kind !== 'contended') return { ...first!.figures };
  const holds = reports
    .flatMap(({ holds: some = [] }, process) =>
      some.map(([waiter, gotAt, releasedAt]) => ({ who: `${process}:${waiter}`, gotAt, releasedAt })),
    )
    .sort((a, b) => a.gotAt - b.gotAt);
  const waiters = reports.length * job.waiters;
  const served = new Map<string, number>();
  for (const { who } of holds) served.set(who, (served.get(who) ?? 0) + 1);
  const most = Math.max(0, ...served.values());
  const least = served.size < waiters ? 0 : Math.min(...served.values());
  const gaps = holds
    .slice(1)
    .map(({ gotAt }, index) => gotAt - holds[index]!.releasedAt)
    .sort((a, b) => a - b);
  return {
    perSecond: (holds.length / job.ms) * 1_000,
    p50: quantile(gaps, 0.5),
    p99: quantile(gaps, 0.99),
    commands: commands / holds.length,
    mostToLeast: least === 0 ? Number.POSITIVE_INFINITY : most / least,
    starved: waiters - served.size,
    overlaps: gaps.filter((gap) => gap < 0).length,
    failures: reports.reduce((sum, { figures }) => sum + (figures['failures'] ?? 0), 0),
  };
}
