import type { AttemptResult } from './attempt.js';
import type { Claim } from '../quorum/key-tracker.js';
import type { QuorumClient } from '../quorum/quorum.js';

type Ask = (quorum: QuorumClient) => Promise<AttemptResult>;

const overlaps = (claims: ReadonlySet<Claim>, resources: readonly string[]): boolean =>
  [...claims].some((claim) => claim.resources.some((resource) => resources.includes(resource)));

/**
 * Locks within this process while the nodes cannot be reached. Within the process a resource has one holder at a time all
 * the same: while a lease of the one kind is held, the other kind is not granted.
 */
export class Fallback {
  /** What this process holds from the nodes, and what it holds here. */
  readonly #fromNodes = new Set<Claim>();
  readonly #local = new Set<Claim>();

  constructor(
    private readonly nodes: QuorumClient,
    private readonly local: QuorumClient,
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
      this.#fromNodes.add(result.claim);
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
    this.#local.add(local.claim);
    return local;
  }

  ended(claim: Claim): void {
    this.#fromNodes.delete(claim);
    this.#local.delete(claim);
  }
}
