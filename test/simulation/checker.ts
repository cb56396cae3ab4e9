import type { Lease } from '../../src/index.js';
import type { Settings } from './settings.js';
import type { SimProcess } from './sim-process.js';
import type { Voter } from './sim-server.js';
import type { Invariant, Violation } from './violation.js';

/** A lease as the checker knows it, from the moment in which its holder got it. */
export interface Holding {
  readonly owner: string;
  readonly process: SimProcess;
  readonly lease: Lease;
  readonly resources: readonly string[];
  readonly token: number;
  readonly ttlMs: number;
  /** The number of the grant, counted over the whole world. */
  readonly order: number;
}

/** The runs of one tick. */
interface RunsOfTick {
  readonly count: number;
  /** The latest. */
  readonly attempt: number;
  /** Whether a worker was told that the end of its run is on record. */
  readonly isFinished: boolean;
}

interface Node {
  readonly voter: Voter;
  /** The true time of the last loss or shortening of its keys; -1 for never. */
  lastLossAt: number;
}

/** The rounding error of floating-point sums. */
const EPSILON_MS = 1e-3;

const KEY_PREFIX = 'lock:';

/**
 * Sees the whole world in true time: what each holder believes and what each node stores. It knows the
 * invariants, and nothing of how the library keeps them.
 */
export class Checker {
  readonly violations: Violation[] = [];
  readonly #nodes: readonly Node[];
  readonly #open = new Map<string, Set<Holding>>();
  readonly #latest = new Map<string, { readonly token: number; readonly order: number }>();
  readonly #runs = new Map<string, RunsOfTick>();
  readonly #latestRun = new Map<string, number>();
  readonly #majority: number;
  /** Leases that others may adopt while they are held: their keys may go at any time. */
  readonly #offered = new WeakSet<Holding>();
  #grants = 0;
  #retries = 0;
  #outlived = 0;

  constructor(
    private readonly settings: Settings,
    private readonly now: () => number,
    voters: readonly Voter[],
    private readonly onViolation: (violation: Violation) => void = () => undefined,
  ) {
    this.#majority = Math.floor(voters.length / 2) + 1;
    this.#nodes = voters.map((voter) => ({ voter, lastLossAt: -1 }));
  }

  get grants(): number {
    return this.#grants;
  }

  /** How many runs were another attempt to run their tick. */
  get retries(): number {
    return this.#retries;
  }

  /** How many leases were still valid after their holder's event loop was blocked for longer than a TTL. */
  get outlived(): number {
    return this.#outlived;
  }

  report(invariant: Invariant, detail: string): void {
    const violation = { invariant, at: this.now(), detail };
    this.violations.push(violation);
    this.onViolation(violation);
  }

  /**
   * The keys of a node are lost, or expire earlier than the node had said; likewise those of the time that
   * follows, for `forMs`.
   */
  lossOn(voter: Voter, forMs = 0): void {
    const node = this.#nodes.find((one) => one.voter === voter)!;
    node.lastLossAt = Math.max(node.lastLossAt, this.now() + forMs);
  }

  granted(owner: string, process: SimProcess, lease: Lease, ttlMs: number): Holding {
    const { resources, token } = lease;
    const order = ++this.#grants;
    const holding: Holding = { owner, process, lease, resources, token, ttlMs, order };
    for (const resource of resources) {
      const latest = this.#latest.get(resource);
      if (latest !== undefined && token <= latest.token) {
        this.report(
          'tokens grow',
          `${owner} got token ${token} for ${resource} after token ${latest.token} ` +
            `(grants ${order} and ${latest.order})`,
        );
      }
      this.#latest.set(resource, { token, order });
      let open = this.#open.get(resource);
      if (open === undefined) this.#open.set(resource, (open = new Set()));
      open.add(holding);
    }
    this.checkValidity(holding);
    this.checkHolders();
    return holding;
  }

  /** Others may adopt the lease from now on, though its holder goes on with it. */
  offered(holding: Holding): void {
    this.#offered.add(holding);
  }

  /** The holder has released the lease or is dead. */
  ended(holding: Holding): void {
    for (const resource of holding.resources) this.#open.get(resource)?.delete(holding);
  }

  /** The signal of the lease has aborted. */
  lost(holding: Holding): void {
    if (
      this.settings.lists === undefined &&
      !this.#offered.has(holding) &&
      this.#ranAllTheWhile(holding) &&
      this.#majorityKeysUntil(holding) < this.now()
    ) {
      this.report(
        'loss told in time',
        `${holding.owner} was told after the keys of ${nameOf(holding)} had expired`,
      );
    }
    this.ended(holding);
  }

  /** The event loop of a client runs again. These leases it held before. */
  unblocked(held: readonly Holding[], blockedMs: number): void {
    this.#outlived += held.filter(({ ttlMs, lease }) => ttlMs < blockedMs && isValid(lease)).length;
  }

  openOf(owner: string): Holding[] {
    const holdings = [...this.#open.values()].flatMap((open) => [...open]);
    return [...new Set(holdings)].filter((holding) => holding.owner === owner);
  }

  isHeldBy(owner: string, resource: string): boolean {
    return [...(this.#open.get(resource) ?? [])].some((holding) => holding.owner === owner);
  }

  /** A run of the tick begins; its worker is told the attempt, and asked for a retry or not. */
  started(resource: string, tick: number, attempt: number, owner: string, retry: boolean): void {
    const key = `${resource}@${tick}`;
    const before = this.#runs.get(key) ?? { count: 0, attempt: 0, isFinished: false };
    const { count } = before;
    if (count > 0) this.#retries++;
    this.#runs.set(key, { ...before, count: count + 1, attempt });
    const latest = this.#latestRun.get(resource) ?? 0;
    this.#latestRun.set(resource, Math.max(tick, latest));
    const how = `${key} as attempt ${attempt} by ${owner}`;
    if (count > 0 && !retry) this.report('one run per tick', `${how}, after ${count} runs`);
    if (attempt <= before.attempt)
      this.report('attempts count up', `${how}, after attempt ${before.attempt}`);
    if (before.isFinished) this.report('a finished tick stays finished', how);
    if (tick < latest) this.report('ticks run in order', `${how}, after ${latest}`);
  }

  /** The worker of a run was told that its end is on record. */
  finished(resource: string, tick: number): void {
    const key = `${resource}@${tick}`;
    this.#runs.set(key, { ...this.#runs.get(key)!, isFinished: true });
  }

  /** How often runs of the tick have begun. */
  runsOf(resource: string, tick: number): number {
    return this.#runs.get(`${resource}@${tick}`)?.count ?? 0;
  }

  /** Whether the tick or a later one has run. After that the tick must not run. */
  isPast(resource: string, tick: number): boolean {
    return (this.#latestRun.get(resource) ?? 0) >= tick;
  }

  /**
   * No two leases are valid at once. A process that does not run cannot use its lease; the first instant in
   * which it runs again counts.
   */
  checkHolders(): void {
    for (const [resource, open] of this.#open) {
      if (open.size < 2) continue;
      const valid = [...open].filter(({ process, lease }) => process.isRunning && isValid(lease));
      if (valid.length < 2) continue;
      const holders = valid.map(({ owner, order, token, lease }) => {
        return `${owner} (grant ${order}, token ${token}, ${lease.remainingMs().toFixed(1)} ms left)`;
      });
      this.report('one holder', `${resource} is held by ${holders.join(' and ')}`);
      // One report is enough.
      for (const one of valid.slice(0, -1)) this.ended(one);
    }
  }

  /**
   * A lease that its holder considers valid is on a majority of the nodes, and stays there for at least as
   * long.
   */
  checkValidity(holding: Holding): void {
    const { process, lease } = holding;
    if (!process.isRunning || !isValid(lease) || this.settings.lists !== undefined) return;
    const later = holding.resources.find((resource) => this.#latest.get(resource)!.order > holding.order);
    if (later !== undefined) {
      const what = `${holding.owner} holds ${nameOf(holding)} again`;
      this.report('one holder', `${what}, although grant ${this.#latest.get(later)!.order} came after it`);
      this.ended(holding);
      return;
    }
    if (this.#offered.has(holding)) return;
    const validUntil = this.now() + lease.remainingMs() / process.rate;
    const keysUntil = this.#majorityKeysUntil(holding);
    if (validUntil <= keysUntil + EPSILON_MS) return;
    this.report(
      'validity within the keys',
      `${holding.owner} considers ${nameOf(holding)} valid until ${validUntil.toFixed(1)}, ` +
        `but its keys expire at ${keysUntil.toFixed(1)}`,
    );
    this.ended(holding);
  }

  /** Checks all leases: their validity, and losses that the holder was never told of. */
  sweep(): void {
    // With different lists of nodes, a majority is another one for each holder.
    if (this.settings.lists !== undefined) return;
    for (const holding of new Set([...this.#open.values()].flatMap((open) => [...open]))) {
      this.checkValidity(holding);
      if (holding.lease.signal.aborted || !this.#ranAllTheWhile(holding)) continue;
      if (this.#offered.has(holding)) continue;
      if (this.#majorityKeysUntil(holding) < this.now()) {
        this.report(
          'loss told in time',
          `${holding.owner} was not told that the keys of ${nameOf(holding)} have expired`,
        );
        this.ended(holding);
      }
    }
  }

  /** Whether the holder's process has run without a break since the request of the current grant. */
  #ranAllTheWhile(holding: Holding): boolean {
    return holding.process.isRunning && holding.process.runningSince < this.#sentAt(holding);
  }

  /** The earliest true time at which the current grant can have been requested. */
  #sentAt({ lease, process, ttlMs }: Holding): number {
    const driftMs = Math.ceil(ttlMs * this.settings.driftFactor) + 2;
    const spentMs = ttlMs - driftMs - lease.remainingMs();
    return this.now() - spentMs / process.rate;
  }

  /**
   * The true time until which a majority stores the keys. A node that lost its data after the grant is not
   * counted against the holder: within the promise such nodes are a minority.
   */
  #majorityKeysUntil(holding: Holding): number {
    const sentAt = this.#sentAt(holding);
    const ends = this.#nodes.map(({ voter, lastLossAt }) => {
      if (lastLossAt >= sentAt - EPSILON_MS) return Number.POSITIVE_INFINITY;
      return Math.min(
        ...holding.resources.map((resource) => keyEnd(voter, resource, holding.lease.holderId)),
      );
    });
    return ends.sort((a, b) => b - a)[this.#majority - 1]!;
  }
}

const nameOf = ({ resources, order }: Holding): string => `${resources.join('+')} (grant ${order})`;

const isValid = (lease: Lease): boolean => !lease.signal.aborted && lease.remainingMs() > 0;

function keyEnd(voter: Voter, resource: string, holderId: string): number {
  const key = KEY_PREFIX + resource;
  const server = voter.storeOf(key);
  const { keyspace } = server;
  if (keyspace.get(key) !== holderId) return Number.NEGATIVE_INFINITY;
  // Redis counts in whole milliseconds, and a key lives through the last one.
  return server.trueTimeOf(keyspace.expiresAt(key)! + 1);
}
