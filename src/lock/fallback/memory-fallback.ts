import type { HeldKeys } from '../lease/held-keys.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';
import type { AttemptResult } from '../acquire/attempt.js';
import { releaseWon } from '../acquire/release-won.js';
import type { AttemptOn, Fallback } from './fallback.js';

const overlaps = (trackers: ReadonlySet<KeyTracker>, resources: readonly string[]): boolean =>
  [...trackers].some((tracker) => tracker.resources.some((resource) => resources.includes(resource)));

/**
 * Locks within this process while the nodes cannot be reached. Within the process a resource still has one
 * holder at a time: while a lease from the nodes is held, the fallback does not grant its resources, and the
 * other way round.
 */
export class MemoryFallback implements Fallback {
  /** The keys that this process holds from the nodes, and those that it holds in memory. */
  readonly #fromNodes = new Set<KeyTracker>();
  readonly #inMemory = new Set<KeyTracker>();
  /** Keys on the nodes whose lease was lost: its holder needs the rest of their time to stop. */
  readonly #lost = new Set<HeldKeys>();

  constructor(
    private readonly nodes: Quorum,
    private readonly memory: Quorum,
    private readonly onChange: (active: boolean, reason: string) => void,
  ) {}

  async attempt(resources: readonly string[], attemptOn: AttemptOn): Promise<AttemptResult> {
    // The holder in memory refuses it.
    if (overlaps(this.#inMemory, resources)) return attemptOn(this.memory);
    const result = await attemptOn(this.nodes);
    if (result.kind !== 'unreachable') {
      this.onChange(false, 'a majority of the nodes answers again');
      if (result.kind !== 'won') return result;
      if (overlaps(this.#inMemory, resources)) {
        releaseWon(result);
        return attemptOn(this.memory);
      }
      this.#fromNodes.add(result.tracker);
      return result;
    }
    if (this.#isHeldOnNodes(resources)) return result;
    this.onChange(true, 'no majority of the nodes can be reached: locks exclude this process only');
    const local = await attemptOn(this.memory);
    if (local.kind !== 'won') return local;
    if (this.#isHeldOnNodes(resources)) {
      releaseWon(local);
      return result;
    }
    this.#inMemory.add(local.tracker);
    return local;
  }

  /** The keys are not held any more. */
  ended(tracker: KeyTracker): undefined {
    this.#fromNodes.delete(tracker);
    this.#inMemory.delete(tracker);
    for (const keys of this.#lost) if (keys.tracker === tracker) this.#lost.delete(keys);
  }

  lost(keys: HeldKeys): void {
    const { tracker } = keys;
    if (this.#fromNodes.has(tracker)) this.#lost.add(keys);
    this.#fromNodes.delete(tracker);
    this.#inMemory.delete(tracker);
  }

  #isHeldOnNodes(resources: readonly string[]): boolean {
    for (const keys of this.#lost) if (keys.remainingMs === 0) this.#lost.delete(keys);
    const lost = new Set([...this.#lost].map(({ tracker }) => tracker));
    return overlaps(this.#fromNodes, resources) || overlaps(lost, resources);
  }
}
