import type { HeldKeys, LeaseReleaseTerms } from './held-keys.js';

/** Takes back what a lease held when it is over. */
export interface LeaseHost {
  /**
   * Hands the keys to the next call in this process that waits for them, if one may take them. Calls
   * `onTaken` as soon as that is certain, before the lease of that call begins. Returns whether they were
   * handed over.
   */
  handOver(keys: HeldKeys, onTaken: () => void): boolean;
  /**
   * Releases the keys on the nodes, or leaves them `keepMs` to live. Resolves to how many nodes acknowledged
   * it.
   */
  release(keys: HeldKeys, terms: LeaseReleaseTerms): Promise<number>;
  /** The lease was lost. Its keys stay on the nodes, but nobody holds anything by them. */
  lost(keys: HeldKeys): void;
  /**
   * The lease was given away. Its keys stay on the nodes. Resolves when no request of this process can change
   * them any more, after `timeoutMs` at the latest.
   */
  transferred(keys: HeldKeys, timeoutMs: number): Promise<void>;
  /** A lease is over, for whatever reason. */
  ended(): void;
}
