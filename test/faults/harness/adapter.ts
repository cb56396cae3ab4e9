/** What the harness needs of a lock library: each is reached through one of these. */

/** A lock that is held, as its holder sees it. */
export interface HeldLock {
  readonly token?: number;
  /** Aborts when the library tells its holder that the lock is lost; a library that never tells never aborts it. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

export interface AcquireTerms {
  readonly ttlMs: number;
  /** How long to wait for a lock that is held; 0: as often as the library tries by itself. */
  readonly waitMs: number;
  /** The scheduled time of a run, for libraries that know of such. */
  readonly tick?: number;
  /** Called when an extension is seen to have succeeded, by libraries that tell. */
  readonly onExtended?: () => void;
}

export interface LockAdapter {
  /** Rejects where the lock is not acquired. */
  acquire(resource: string, terms: AcquireTerms): Promise<HeldLock>;
  close(): Promise<void>;
}

export interface AdapterOptions {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** The library's documented defaults, or what its options offer for safety. */
  readonly setting: 'defaults' | 'safest';
  /** Who this is, where a library can write that into its keys. */
  readonly holder: string;
  /** The name that all its connections must have: the proxies tell clients apart by it. */
  readonly connectionName: string;
  /** The longest TTL of the run. */
  readonly maxTtlMs: number;
  /** Takes what the library has to say besides: warnings, the state of nodes. */
  readonly note?: (text: string) => void;
}

/** What an adapter's module exports. */
export interface AdapterModule {
  openAdapter(options: AdapterOptions): LockAdapter | Promise<LockAdapter>;
}
