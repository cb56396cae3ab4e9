import type { AttemptResult } from './attempt.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';

type Ask = (quorum: Quorum) => Promise<AttemptResult>;

const overlaps = (trackers: ReadonlySet<KeyTracker>, resources: readonly string[]): boolean =>
  [...trackers].some((tracker) => tracker.resources.some((resource) => resources.includes(resource)));

/**
 * Locks within this process while the nodes cannot be reached. Within the process a resource has one holder at a time all
 * the same: while a lease of the one kind is held, the other kind is not granted.
 */
export class Fallback {
  /** What this process holds from the nodes, and what it holds here. */
  readonly #fromNodes = new Set<KeyTracker>();
  readonly #local = new Set<KeyTracker>();

  constructor(
    private readonly nodes: Quorum,
    private readonly local: Quorum,
    private readonly discard: (won: Extract<AttemptResult, { kind: 'won' }>) => void,
    private readonly onChange: (active: boolean, reason: string) => void,
  ) {}

  async attempt(resources: readonly string[], ask: Ask): Promise<AttemptResult> {
    // The local holder refuses it there.
    if (overlaps(this.#local, resources)) return ask(this.local);
    const result = await ask(this.nodes);
    if (result.kind !== 'unreachable') {
      this.onChange(false, 'a majority of the nodes answers again');
      if (result.kind !== 'won') return result;
      if (overlaps(this.#local, resources)) {
        this.discard(result);
        return ask(this.local);
      }
      this.#fromNodes.add(result.tracker);
      return result;
    }
    if (overlaps(this.#fromNodes, resources)) return result;
    this.onChange(true, 'no majority of the nodes can be reached: locks exclude this process only');
    const local = await ask(this.local);
    if (local.kind !== 'won') return local;
    if (overlaps(this.#fromNodes, resources)) {
      this.discard(local);
      return result;
    }
    this.#local.add(local.tracker);
    return local;
  }

  ended(tracker: KeyTracker): void {
    this.#fromNodes.delete(tracker);
    this.#local.delete(tracker);
  }
}
