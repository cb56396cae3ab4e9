import type { Won } from './attempt.js';

/** Releases in the background what an attempt has won and nobody needs any more. */
export function releaseWon({ quorum, tracker, request: { id, ttlMs, nodeTimeoutMs } }: Won): void {
  void quorum.release(tracker, { id, ttlMs, nodeTimeoutMs, keepMs: 0, enough: quorum.majority });
}
