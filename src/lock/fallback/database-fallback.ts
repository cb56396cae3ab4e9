import type { LossReason } from '../../core/lease-state.js';
import { lossMarginMs } from '../../core/extension-schedule.js';
import { endOf, validityLeftMs } from '../../core/validity.js';
import type { AttemptResult, NotAcquired, Won } from '../acquire/attempt.js';
import type { HeldKeys, HeldKeysContext, LeaseReleaseTerms } from '../lease/held-keys.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';
import type { AttemptOn, Fallback } from './fallback.js';
import { RecordedLease } from './recorded-lease.js';

/** A lease of the nodes, and its record in the database; without one while the database is away. */
interface Recorded {
  readonly won: Won;
  readonly attemptOn: AttemptOn;
  record: RecordedLease | undefined;
  keys: HeldKeys | undefined;
  isRecording: boolean;
}

export interface DatabaseFallbackContext {
  /** What the records in the database are held with. */
  readonly keys: HeldKeysContext;
  /** Releases what was won in vain. */
  readonly discard: (won: Won) => void;
  readonly onChange: (active: boolean, reason: string) => void;
  readonly warn: (message: string) => void;
}

/**
 * Locks in a database while no majority of the nodes answers, across processes.
 *
 * The database is the judge between both sides. Who wins a lease on the nodes acquires it in the database
 * too, and holds it there as long; who cannot reach the nodes acquires it there alone. So while a lease is
 * held on one side the database refuses the other. It knows the tokens of both sides, too: a lease has the
 * higher one of its two, and both sides are raised to it.
 *
 * A lease of the nodes that was won while the database was away is recorded as soon as it is back.
 */
export class DatabaseFallback implements Fallback {
  readonly #leases = new Map<KeyTracker, Recorded>();
  readonly #name: string;
  #isAway = false;

  constructor(
    private readonly nodes: Quorum,
    private readonly database: Quorum,
    private readonly context: DatabaseFallbackContext,
  ) {
    const [node] = database.nodes;
    this.#name = node!.name;
    node!.onStateChange(({ status }) => {
      if (status === 'ready') this.#onReady();
    });
  }

  async attempt(_resources: readonly string[], attemptOn: AttemptOn): Promise<AttemptResult> {
    const won = await attemptOn(this.nodes);
    if (won.kind === 'unreachable') return this.#fallBack(won, attemptOn);
    this.context.onChange(false, 'a majority of the nodes answers again');
    if (won.kind !== 'won') return won;
    const there = await attemptOn(this.database);
    if (there.kind === 'unreachable') {
      this.#tellAway();
      this.#leases.set(won.tracker, {
        won,
        attemptOn,
        record: undefined,
        keys: undefined,
        isRecording: false,
      });
      return won;
    }
    if (there.kind !== 'won') {
      this.context.discard(won);
      return there;
    }
    return this.#both(won, there, attemptOn);
  }

  began(keys: HeldKeys): void {
    const lease = this.#leases.get(keys.tracker);
    if (lease !== undefined) lease.keys = keys;
  }

  ended(tracker: KeyTracker, terms?: LeaseReleaseTerms): Promise<unknown> | undefined {
    const lease = this.#leases.get(tracker);
    this.#leases.delete(tracker);
    return lease?.record?.end(tracker, terms);
  }

  async #fallBack(unreachable: NotAcquired, attemptOn: AttemptOn): Promise<AttemptResult> {
    const there = await attemptOn(this.database);
    if (there.kind === 'unreachable') return unreachable;
    this.context.onChange(true, `no majority of the nodes can be reached: ${this.#name} grants all locks`);
    return there;
  }

  /** Both sides have granted. They agree on the token, or neither counts. */
  async #both(won: Won, there: Won, attemptOn: AttemptOn): Promise<AttemptResult> {
    const token = Math.max(won.token ?? 0, there.token ?? 0);
    const raised = await Promise.all([raise(this.nodes, won, token), raise(this.database, there, token)]);
    const leftMs = validityLeftMs(won.grant, this.context.keys.clock.stamp());
    if (raised.includes(false) || leftMs <= lossMarginMs(won.grant.ttlMs)) {
      this.context.discard(there);
      this.context.discard(won);
      const failure = `the token could not be agreed on with ${this.#name}`;
      return { kind: 'unreachable', votes: [], failure, undone: Promise.resolve() };
    }
    const agreed = withToken(won, token);
    const lease: Recorded = {
      won: agreed,
      attemptOn,
      record: undefined,
      keys: undefined,
      isRecording: false,
    };
    this.#leases.set(won.tracker, lease);
    this.#record(lease, withToken(there, token));
    return agreed;
  }

  #record(lease: Recorded, there: Won): void {
    lease.record = new RecordedLease(this.context.keys, there, (reason) => this.#onLost(lease, reason));
  }

  #onLost(lease: Recorded, reason: LossReason): void {
    lease.record = undefined;
    if (reason === 'taken') lease.keys?.lease?.lose('taken');
    else this.#tellAway();
  }

  /** The database votes again: leases that it does not know are recorded. */
  #onReady(): void {
    this.#isAway = false;
    for (const lease of this.#leases.values())
      if (lease.record === undefined && !lease.isRecording) void this.#recordLate(lease);
  }

  async #recordLate(lease: Recorded): Promise<void> {
    const { won, attemptOn } = lease;
    lease.isRecording = true;
    const there = await attemptOn(this.database);
    lease.isRecording = false;
    const isHeld = this.#leases.get(won.tracker) === lease;
    if (there.kind === 'won') {
      if (isHeld && (await raise(this.database, there, won.token ?? 0)) && this.#leases.has(won.tracker))
        this.#record(lease, there);
      else this.context.discard(there);
    } else if (there.kind === 'held' && isHeld) lease.keys?.lease?.lose('taken');
  }

  /** Once for each time that it is away. */
  #tellAway(): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.context.warn(
      `${this.#name} cannot be reached: leases of the nodes are not on record there, and a process that ` +
        'reaches it and not the nodes could be granted what is held',
    );
  }
}

/** Raises the counters of a side to the token. Whether they are at least that. */
async function raise(quorum: Quorum, { tracker, request, token, grant }: Won, to: number): Promise<boolean> {
  if (token === undefined || token >= to) return true;
  const { id, ttlMs, nodeTimeoutMs } = request;
  const terms = { id, ttlMs, nodeTimeoutMs, validUntil: endOf(grant), token, maxCounter: to };
  return (await quorum.extend(tracker, terms).decided) === 'won';
}

const withToken = (won: Won, token: number): Won => (won.token === undefined ? won : { ...won, token });
