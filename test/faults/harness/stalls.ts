import { nowMs } from './records.js';

const BEAT_MS = 5;
/** Below this a process is running, as far as a machine that is shared with others lets it. */
const STALL_MS = 20;

/**
 * Tells when this process did not run: it was stopped, its loop was blocked, or the machine gave it no time. `to` is an
 * instant when, after that, the loop has turned once as a whole, and all timers that had fallen due have fired.
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
    // The loop may have been blocked between its timers and this: the timers that are overdue come in its next turn.
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
