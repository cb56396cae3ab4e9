import type { Election, ElectionOptions } from '../../api/election.js';
import { LockManagerClosedError } from '../../api/errors.js';
import type { LockEvent } from '../../api/events.js';
import type { ResolvedAcquireOptions } from '../../api/resolved-options.js';
import type { HeldLease } from '../lease/held-lease.js';
import { readElectionOptions } from '../validation/election-options.js';
import { assertResource } from '../validation/resources.js';
import { Candidate, type ElectionContext } from './candidate.js';

/** What a manager gives to its elections. */
export interface ElectionsContext extends ElectionContext {
  readonly resolve: (options: ElectionOptions) => ResolvedAcquireOptions;
  readonly acquire: (resource: string, options: ResolvedAcquireOptions) => Promise<HeldLease>;
  readonly declare: (name: string) => void;
  readonly isDraining: () => boolean;
}

/** All elections that a manager stands for. */
export class Elections {
  readonly #context: ElectionsContext;
  readonly #candidates = new Set<Candidate>();

  constructor(context: ElectionsContext) {
    this.#context = context;
  }

  /** The events that tell a new listener what this process stands for, and what it leads. */
  get presentState(): readonly LockEvent[] {
    return [...this.#candidates].flatMap((candidate) => candidate.presentState);
  }

  /** Whether this manager stands for an election of this name. */
  has(resource: string): boolean {
    return [...this.#candidates].some((candidate) => candidate.resource === resource);
  }

  stand(resource: string, options: ElectionOptions): Election {
    assertResource(resource);
    const { resolve, isDraining, declare, events, worker } = this.#context;
    const resolved = resolve(readElectionOptions(resource, options));
    if (isDraining()) throw new LockManagerClosedError([resource]);
    const { onElected, onLost, signal: caller } = options;
    const { name, ttlMs, retryDelayMs } = resolved;
    declare(name);
    events.emit({ type: 'candidate', name, resources: [resource], worker });
    const acquire = (signal: AbortSignal): Promise<HeldLease> =>
      this.#context.acquire(resource, { ...resolved, signal });
    const candidacy = { resource, name, ttlMs, retryDelayMs, acquire, onElected, onLost, signal: caller };
    const candidate = new Candidate(this.#context, candidacy);
    this.#candidates.add(candidate);
    void candidate.ended.then(() => this.#candidates.delete(candidate));
    return candidate;
  }

  /** All leaders resign, and nobody stands any more. */
  close(): void {
    for (const candidate of this.#candidates) candidate.end('closed');
  }
}
