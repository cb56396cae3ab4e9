/** The interface to a lock library. The harness uses every library through it. */

/** A lock that is held, as its holder sees it. */
export interface HeldLock {
  readonly token?: number;
  /** Whether it was taken in the fallback. */
  readonly fallback?: boolean;
  /**
   * Aborts when the library reports that the lock is lost. It never aborts if the library does not report
   * that.
   */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

export interface AcquireTerms {
  readonly ttlMs: number;
  /** How long to wait for a lock that is held. 0: as many attempts as the library makes by itself. */
  readonly waitMs: number;
  /** The scheduled time of a run, for libraries that support ticks. */
  readonly tick?: number;
  /** Called when an extension has succeeded, by libraries that report extensions. */
  readonly onExtended?: () => void;
}

export interface LockAdapter {
  /** Rejects if the lock is not acquired. */
  acquire(resource: string, terms: AcquireTerms): Promise<HeldLock>;
  close(): Promise<void>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Whether it is a PostgreSQL database, not a redis-server. */
  readonly isDatabase?: boolean;
}

export interface AdapterOptions {
  readonly nodes: readonly Address[];
  /** The database of the fallback; by default there is none. */
  readonly fallback?: Address;
  /** The library's documented defaults, or the safest values of its options. */
  readonly setting: 'defaults' | 'safest';
  /** The name of this holder, for libraries that can write it into their keys. */
  readonly holder: string;
  /** The name of all connections of this client. The proxies identify clients by it. */
  readonly connectionName: string;
  /** The client library that the nodes are given by, as in `CLIENT_LIBRARIES`; by default options. */
  readonly client?: string;
  /** The longest TTL of the run. */
  readonly maxTtlMs: number;
  /** Takes other messages of the library: warnings and the state of nodes. */
  readonly note?: (text: string) => void;
}

/** The exports of an adapter's module. */
export interface AdapterModule {
  openAdapter(options: AdapterOptions): LockAdapter | Promise<LockAdapter>;
}
