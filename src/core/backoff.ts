/**
 * A delay with jitter, in milliseconds: half to one and a half times `delayMs`. Clients that failed together
 * then do not try again together. `random` is from 0 to 1, here and below.
 */
export const jitteredMs = (delayMs: number, random: number): number => delayMs * (0.5 + random);

/**
 * How the pauses between attempts grow: not at all, or doubled with each attempt from `retryDelayMs` up to 64
 * times that, both with jitter; or a function that is given the number of attempts so far, from 1, and
 * returns the next pause in milliseconds, from 0 to 2^31 - 1, to which no jitter is added.
 */
export type Backoff = 'constant' | 'exponential' | ((attempts: number) => number);

/** An exponential pause grows to this multiple of the first one. */
const MOST_GROWTH = 64;
/** The longest delay of a Node timer, in milliseconds. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;

/**
 * The pause after the n-th attempt, from 1, in milliseconds.
 *
 * @throws RangeError when the caller's function returns no pause.
 */
export function retryPauseMs(
  { retryDelayMs, backoff }: { readonly retryDelayMs: number; readonly backoff: Backoff },
  attempts: number,
  random: number,
): number {
  if (backoff === 'constant') return jitteredMs(retryDelayMs, random);
  if (backoff === 'exponential') {
    const grownMs = retryDelayMs * Math.min(MOST_GROWTH, 2 ** (attempts - 1));
    return jitteredMs(Math.min(LONGEST_PAUSE_MS, grownMs), random);
  }
  const pauseMs: unknown = backoff(attempts);
  if (typeof pauseMs === 'number' && pauseMs >= 0 && pauseMs <= LONGEST_PAUSE_MS) return pauseMs;
  const got = typeof pauseMs === 'number' ? pauseMs : `a value of type ${typeof pauseMs}`;
  throw new RangeError(`backoff must return a number from 0 to ${LONGEST_PAUSE_MS}, got ${got}`);
}

const YIELD_FIRST_MS = 2;
const YIELD_LONGEST_MS = 50;

/**
 * How long a client that yielded a split vote pauses before its next round, in milliseconds: twice the
 * duration of the last round, doubled with each pause (`pauses` of them came before), with jitter. From 1 to
 * 75 ms.
 */
export const yieldDelayMs = (pauses: number, roundMs: number, random: number): number =>
  jitteredMs(Math.min(YIELD_LONGEST_MS, Math.max(YIELD_FIRST_MS, 2 * roundMs) * 2 ** pauses), random);

const RECONNECT_FIRST_MS = 50;
const RECONNECT_LONGEST_MS = 1_000;

/**
 * The pause before the n-th attempt to reconnect to a node, in milliseconds. `attempt` counts from 1. The
 * pause doubles from 50 ms to one second, with jitter.
 */
export const reconnectDelayMs = (attempt: number, random: number): number =>
  jitteredMs(Math.min(RECONNECT_LONGEST_MS, RECONNECT_FIRST_MS * 2 ** Math.min(attempt - 1, 10)), random);

/**
 * How long to wait for keys that expire in `remainingMs`, in milliseconds: 1 to 10 ms longer. Redis expires a
 * key after the last of its milliseconds, and clients that wait for the same keys then do not all ask at
 * once.
 */
export const pastExpiryMs = (remainingMs: number, random: number): number => remainingMs + 1 + 9 * random;

/**
 * How long to wait for more nodes to notify of a release, in milliseconds: 2 to 8 ms, so that clients that
 * wait for the same resource do not all ask at once.
 */
export const splitWakeMs = (random: number): number => 2 + 6 * random;

/**
 * How long a process that was notified has to come, in milliseconds. It waits for more nodes, and for the
 * answers to its round. One that has not come by then may be stopped, and a node notifies the next one too.
 */
export const COMES_WITHIN_MS = 1_000;
