import { nowMs } from './records.js';

const BEAT_MS = 5;
/** Below this a process is running, as far as a machine that is shared with others lets it. */
const STALL_MS = 20;

/**
 * Tells when this process did not run: it was stopped, its loop was blocked, or the machine gave it no time. `to` is the end
 * of the loop's first turn after that, when all timers that had fallen due have fired.
 */
export function watchStalls(tell: (from: number, to: number) => void): () => void {
  let timer: NodeJS.Timeout;
  let over = false;
  let last = nowMs();
  const beat = (): void => {
    setImmediate(() => {
      const now = nowMs();
      if (now - last > STALL_MS) tell(last, now);
      last = now;
      if (!over) timer = setTimeout(beat, BEAT_MS);
    });
  };
  beat();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
