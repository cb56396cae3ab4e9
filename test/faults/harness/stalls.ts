import { nowMs } from './records.js';

const BEAT_MS = 5;
/** A delay up to this length counts as running, because the machine is shared with other processes. */
const STALL_MS = 20;
/** How often a process says that it runs. */
const SIGN_MS = 25;

/**
 * A process that runs has given a sign of life within this time. It counts as running for one more delay
 * after the last beat before the sign is due.
 */
export const LONGEST_SILENCE_MS = SIGN_MS + BEAT_MS + 2 * STALL_MS;

export interface StallListener {
  /**
   * This process did not run: it was stopped, its loop was blocked, or the machine gave it no time. `to` is
   * the instant after which the loop has made one whole turn, so that all overdue timers have fired.
   */
  stalled(from: number, to: number): void;
  /** A sign of life, every 25 ms while the process runs. */
  ran?(at: number): void;
}

/** Tells when this process did not run. Returns what ends that. */
export function watchStalls({ stalled, ran = () => undefined }: StallListener): () => void {
  let timer: NodeJS.Timeout;
  let over = false;
  let last = nowMs();
  let signAt = 0;
  const next = (delayMs: number, turned: () => void): void => {
    if (!over) timer = setTimeout(() => setImmediate(turned), delayMs);
  };
  const goOn = (now: number): void => {
    last = now;
    if (now - signAt >= SIGN_MS) ran((signAt = now));
    next(BEAT_MS, beat);
  };
  const beat = (): void => {
    const now = nowMs();
    if (now - last <= STALL_MS) goOn(now);
    else turn();
  };
  // The loop may have been blocked between its timers and this callback. Overdue timers fire in its next
  // turn. If that turn took long too, it began with an old time, and left out the timers that were due by
  // then.
  const turn = (): void => {
    const from = nowMs();
    next(1, () => {
      const to = nowMs();
      if (to - from > STALL_MS) return turn();
      stalled(last, to);
      goOn(to);
    });
  };
  goOn(last);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
