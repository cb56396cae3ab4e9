/** What a worker is asked to do, and what it tells. */

/** `inFlight` loops of acquire and release, each over names of its own. */
export interface ClosedTask {
  readonly kind: 'closed';
  readonly inFlight: number;
  readonly warmMs: number;
  readonly ms: number;
  /** Ends after so many cycles, in place of a time. */
  readonly cycles?: number;
}

/** A cycle begins `rate` times a second, whether or not the earlier ones are through. */
export interface OpenTask {
  readonly kind: 'open';
  readonly rate: number;
  readonly warmMs: number;
  readonly ms: number;
}

/** `waiters` loops for one resource, from now on until `untilNs` of `process.hrtime`. */
export interface ContendTask {
  readonly kind: 'contend';
  readonly resource: string;
  readonly waiters: number;
  readonly holdMs: number;
  readonly untilNs: number;
}

/** Acquires `count` leases that the library extends. */
export interface HoldTask {
  readonly kind: 'hold';
  readonly count: number;
  readonly ttlMs: number;
}

/** Does nothing but keep what `hold` acquired. */
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

/** A hold of a contended resource: who, and when by `process.hrtime` in ns it was acquired, and its release called. */
export type Hold = readonly [waiter: number, acquiredNs: number, releasedNs: number];

export interface Answer {
  readonly figures?: Figures;
  readonly holds?: readonly Hold[];
  readonly error?: string;
}

/** The instant of `process.hrtime` as a number: exact far beyond the uptime of any machine. */
export const nowNs = (): number => Number(process.hrtime.bigint());
