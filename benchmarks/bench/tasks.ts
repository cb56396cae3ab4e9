/** The tasks of a worker, and its answers. */

/** `inFlight` loops of acquire and release, each over its own names. */
export interface ClosedTask {
  readonly kind: 'closed';
  readonly inFlight: number;
  readonly warmMs: number;
  readonly ms: number;
  /** Ends after this number of cycles, instead of after a time. */
  readonly cycles?: number;
}

/** A cycle begins `rate` times per second, even if earlier ones have not ended. */
export interface OpenTask {
  readonly kind: 'open';
  readonly rate: number;
  readonly warmMs: number;
  readonly ms: number;
}

/**
 * `waiters` loops for the resources in turn, from now until `untilNs` of `process.hrtime`. `first` is the
 * number of the first waiter among those of all processes, and so of the resource that it wants.
 */
export interface ContendTask {
  readonly kind: 'contend';
  readonly resources: readonly string[];
  readonly waiters: number;
  readonly first: number;
  readonly holdMs: number;
  readonly untilNs: number;
}

/** Acquires `count` leases that the library extends. */
export interface HoldTask {
  readonly kind: 'hold';
  readonly count: number;
  readonly ttlMs: number;
}

/** Only keeps what `hold` acquired. */
export interface KeepTask {
  readonly kind: 'keep';
  readonly ms: number;
}

/** Acquires and releases `count` resources once. */
export interface KeysTask {
  readonly kind: 'keys';
  readonly count: number;
}

export type Task = ClosedTask | OpenTask | ContendTask | HoldTask | KeepTask | KeysTask;

export type Figures = Readonly<Record<string, number>>;

/**
 * A hold of a contended resource: the waiter, and when it was acquired and its release called, by
 * `process.hrtime` in ns.
 */
export type Hold = readonly [waiter: number, acquiredNs: number, releasedNs: number];

export interface Answer {
  readonly figures?: Figures;
  readonly holds?: readonly Hold[];
  readonly error?: string;
}

/** `process.hrtime` in nanoseconds as a number, which is exact for 104 days of uptime. */
export const nowNs = (): number => Number(process.hrtime.bigint());
