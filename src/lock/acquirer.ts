import type { Clock } from '../clock.js';
import { MemoryNode } from '../node/memory-node.js';
import { acquisition, pause, unlessAborted, type Acquired, type Attempts, type Won } from './acquisition.js';
import { attempt, type AttemptContext, type AttemptResult } from './attempt.js';
import type { Claim } from './claim.js';
import { LockManagerClosedError } from './errors.js';
import type { LockEvents } from './events.js';
import { Fallback } from './fallback.js';
import { newHolderId } from './holder-id.js';
import type { ResolvedAcquireOptions, ResolvedManagerOptions } from './options.js';
import { QuorumClient } from './quorum-client.js';

/** Turns a wish into a won ballot or an error: from the nodes, or, where that is allowed, from this process. */
export class Acquirer {
  readonly #context: AttemptContext;
  readonly #fallback: Fallback | undefined;
  readonly #waiting = new Set<AbortController>();
  readonly #underWay = new Set<Promise<unknown>>();
  #draining = false;

  constructor(
    private readonly quorum: QuorumClient,
    private readonly options: ResolvedManagerOptions,
    private readonly clock: Clock,
    private readonly random: () => number,
    events: LockEvents,
    /** What the first acquisitions wait for: the nodes being known. */
    private readonly starting: () => Promise<void> | undefined,
    onFallback: (active: boolean, reason: string) => void,
  ) {
    this.#context = {
      clock,
      random,
      newHolderId: () => newHolderId(options.holder),
      sleep: (delayMs) => pause(clock, delayMs),
    };
    if (options.fallback === 'memory') {
      const local = new QuorumClient([new MemoryNode('memory', clock)], clock, events);
      this.#fallback = new Fallback(quorum, local, (won) => this.#giveBack(won), onFallback);
    }
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Grants nothing any more, and tells so to those who wait. */
  drain(): void {
    this.#draining = true;
    for (const waiting of this.#waiting) waiting.abort(DRAINED);
  }

  /** Resolves when no attempt is under way any more, after `timeoutMs` at the latest: who waited for one may have gone. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#underWay.size === 0) return;
    const patience = new AbortController();
    const timer = this.clock.setTimer(() => patience.abort(), timeoutMs);
    const over = Promise.allSettled(this.#underWay).then(() => undefined);
    await unlessAborted(over, patience.signal).catch(() => undefined);
    timer.cancel();
  }

  async acquire(resources: readonly string[], options: ResolvedAcquireOptions): Promise<Acquired> {
    if (this.#draining) throw new LockManagerClosedError(resources);
    const { signal } = options;
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(stop);
    try {
      const starting = this.starting();
      if (starting !== undefined) await unlessAborted(starting, stop.signal);
      const attempts = this.#attempts(resources, options);
      return await acquisition(attempts, this.clock, this.random, resources, options, stop.signal);
    } catch (error) {
      throw error === DRAINED ? new LockManagerClosedError(resources) : error;
    } finally {
      this.#waiting.delete(stop);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** To be told when what was acquired is over. */
  ended(claim: Claim): void {
    this.#fallback?.ended(claim);
  }

  #attempts(resources: readonly string[], { ttlMs, nodeTimeoutMs, tick }: ResolvedAcquireOptions): Attempts {
    const { driftFactor, fencing } = this.options;
    const request = { resources, ttlMs, nodeTimeoutMs, driftFactor, fencing, tick };
    return {
      attempt: (isAbandoned): Promise<AttemptResult> => {
        const ask = (quorum: QuorumClient): Promise<AttemptResult> =>
          attempt(quorum, this.#context, request, isAbandoned);
        const result =
          this.#fallback === undefined ? ask(this.quorum) : this.#fallback.attempt(resources, ask);
        this.#underWay.add(result);
        const over = (): void => void this.#underWay.delete(result);
        result.then(over, over);
        return result;
      },
      discard: (won) => {
        this.ended(won.claim);
        this.#giveBack(won);
      },
    };
  }

  #giveBack({ quorum, claim, request: { ttlMs, nodeTimeoutMs } }: Won): void {
    void quorum.giveBack(claim, { ttlMs, nodeTimeoutMs, keepMs: 0, enough: quorum.majority });
  }
}

const DRAINED = new Error('the lock manager is draining');
