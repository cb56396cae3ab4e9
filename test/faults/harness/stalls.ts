import { nowMs } from './records.js';

const BEAT_MS = 5;
/** A delay up to this length counts as running, because the machine is shared with other processes. */
const STALL_MS = 20;

/**
 * Reports when this process did not run: it was stopped, its loop was blocked, or the machine gave it no
 * time. `to` is the instant after which the loop has made one whole turn, so that all overdue timers have
 * fired.
 */
export function watchStalls(tell: (from: number, to: number) => void): () => void {
  let timer: NodeJS.Timeout;
  let over = false;
  let last = nowMs();
  const next = (delayMs: number, turned: () => void): void => {
    if (!over) timer = setTimeout(() => setImmediate(turned), delayMs);
  };
  const beat = (): void => {
    if (nowMs() - last <= STALL_MS) {
      last = nowMs();
      next(BEAT_MS, beat);
      return;
    }
    // The loop may have been blocked between its timers and this callback. Overdue timers fire in its next
    // turn.
    next(1, () => {
      const to = nowMs();
      tell(last, to);
      last = to;
      next(BEAT_MS, beat);
    });
  };
  next(BEAT_MS, beat);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
