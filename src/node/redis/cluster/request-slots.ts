import { failed, type Vote } from '../../../core/vote.js';
import type { NodeRequest, ReleaseRequest, WakeRequest } from '../../node-request.js';
import { slotOf } from '../protocol/key-slot.js';

/** Takes the place of a slot: the resources of the request are in several slots. */
export const MIXED = -1;

/** Requests that may be divided, because their resources are not handled together or not at all. */
export type Divisible = ReleaseRequest | WakeRequest;

export const APART = failed(
  'error',
  new Error(
    'the resources are in different slots of a Redis Cluster: give those that are locked together ' +
      'a hash tag in common, as in {order:7}:stock and {order:7}:invoice',
  ),
);

/**
 * The slots of requests in a Cluster. The fence key and the wait list are in the slot of the lock key, see
 * `fenceKeyOf`.
 */
export class RequestSlots {
  readonly #known = new WeakMap<NodeRequest, number>();

  constructor(private readonly keyPrefix: string) {}

  of(request: NodeRequest): number {
    const known = this.#known.get(request);
    if (known !== undefined) return known;
    const [first, ...others] = request.resources.map((resource) => this.ofResource(resource));
    const slot = others.every((other) => other === first) ? first! : MIXED;
    this.#known.set(request, slot);
    return slot;
  }

  ofResource(resource: string): number {
    return slotOf(this.keyPrefix + resource);
  }

  /** One request for each slot. */
  divide(request: Divisible): readonly Divisible[] {
    const parts = new Map<number, string[]>();
    for (const resource of request.resources) {
      const slot = this.ofResource(resource);
      parts.set(slot, [...(parts.get(slot) ?? []), resource]);
    }
    return [...parts.values()].map((resources) => ({ ...request, resources }));
  }
}

/** Makes one vote of the votes on the parts. A part that failed makes all of it a failure. */
export function togetherOf(votes: readonly Vote[]): Vote {
  const lost = votes.find((vote) => vote.kind === 'failed');
  if (lost !== undefined) return lost;
  const granted = votes.filter((vote) => vote.kind === 'granted');
  if (granted.length === 0) return votes[0]!;
  const told = granted.reduce((sum, { waiting = 0 }) => sum + waiting, 0);
  return { kind: 'granted', counter: 0, ...(told === 0 ? {} : { waiting: told }) };
}
