/** The subjects that are measured: libraries and floors, with their settings. */
export interface Subject {
  readonly name: string;
  readonly kind: 'quorlock' | 'peer' | 'floor';
  /** The file in adapters/. */
  readonly adapter: string;
  /** See `OpenOptions`. */
  readonly retryMs?: number;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The data commands that it sends outside of scripts. */
  readonly plainCommands?: readonly string[];
  /** Whether it extends leases by itself. */
  readonly extends?: boolean;
  /** Of which checkout quorlock is; this one unless it says otherwise. */
  readonly build?: 'other';
}

export const QUORLOCK: Subject = {
  name: 'quorlock',
  kind: 'quorlock',
  adapter: 'quorlock.ts',
  extends: true,
};

/** quorlock where each lock is a run once per tick, which leaves a record. */
export const WITH_TICKS: Subject = { ...QUORLOCK, name: 'quorlock, with a tick', settings: { tick: true } };

/** quorlock as another checkout has it. */
export const BEFORE: Subject = { ...QUORLOCK, name: 'quorlock (before)', build: 'other' };

/** The subjects, and next to quorlock what it was before. */
export const withBefore = (subjects: readonly Subject[]): Subject[] =>
  subjects.flatMap((subject) => (subject === QUORLOCK ? [QUORLOCK, BEFORE] : [subject]));

export const PEERS: readonly Subject[] = [
  { name: 'redlock 5.0.0-beta.2', kind: 'peer', adapter: 'redlock-5.ts', extends: true },
  { name: 'redlock 4.2.0', kind: 'peer', adapter: 'redlock-4.ts' },
  { name: '@sesamecare-oss/redlock 1.4.0', kind: 'peer', adapter: 'sesamecare.ts', extends: true },
  {
    name: 'redis-semaphore 5.8.0',
    kind: 'peer',
    adapter: 'redis-semaphore.ts',
    plainCommands: ['set'],
    extends: true,
  },
  {
    name: 'redlock-universal 0.8.5',
    kind: 'peer',
    adapter: 'redlock-universal.ts',
    plainCommands: ['set'],
    extends: true,
  },
  { name: '@redis-kit/lock 0.1.0-3', kind: 'peer', adapter: 'redis-kit.ts', extends: true },
];

/** The floors. Each table has a column of ratios to each of them. */
export const FLOOR: Subject = { name: 'plain floor', kind: 'floor', adapter: 'floor.ts' };
export const PIPELINED_FLOOR: Subject = {
  name: 'pipelined floor',
  kind: 'floor',
  adapter: 'floor.ts',
  settings: { enableAutoPipelining: true },
};

export const BATCHED_FLOOR: Subject = { name: 'batched floor', kind: 'floor', adapter: 'batched-floor.ts' };

export const ALL: readonly Subject[] = [QUORLOCK, ...PEERS, FLOOR, PIPELINED_FLOOR, BATCHED_FLOOR];

/** The peers with settings for a contended lock: short pauses, and attempts without a limit. */
export const eager = (retryMs: number): Subject[] =>
  PEERS.map((peer) => ({ ...peer, name: `${peer.name}, ${retryMs} ms`, retryMs }));

/** quorlock with one feature off, or with an event listener. */
export const FEATURES: readonly Subject[] = [
  QUORLOCK,
  { ...QUORLOCK, name: 'without fencing', settings: { fencing: false } },
  { ...QUORLOCK, name: 'without trust', settings: { restartQuarantine: 'off' } },
  { ...QUORLOCK, name: 'with an event listener', settings: { listener: true } },
];
