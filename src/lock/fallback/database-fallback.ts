import type { Timer } from '../../clock.js';
import type { LossReason } from '../../core/lease-state.js';
import { lossMarginMs } from '../../core/extension-schedule.js';
import { endOf, validityLeftMs } from '../../core/validity.js';
import type { NodeState } from '../../node/node-state.js';
import type { AttemptResult, NotAcquired, Won } from '../acquire/attempt.js';
import { releaseWon } from '../acquire/release-won.js';
import type { HeldKeys, HeldKeysContext, LeaseReleaseTerms } from '../lease/held-keys.js';
import { canTake } from '../quorum/counter-room.js';
import type { KeyTracker } from '../quorum/key-tracker.js';
import type { Quorum } from '../quorum/quorum.js';
import type { AttemptOn, Fallback } from './fallback.js';
import { RecordedLease } from './recorded-lease.js';
import { RepeatedWarnings } from './repeated-warnings.js';

/** A lease of the nodes, and its record in the database. */
interface LeaseOfNodes {
  readonly won: Won;
  /** Makes the attempt again, to record the lease later. */
  readonly attemptOn: AttemptOn;
  /** `undefined` while the database is away. */
  record: RecordedLease | undefined;
  /** The run that the database has on record for it. */
  run: Won['run'];
  /** `undefined` until the lease begins. */
  keys: HeldKeys | undefined;
  /** Whether an attempt to record it is under way. */
  isRecording: boolean;
}

export interface DatabaseFallbackContext {
  /** What the records in the database are held with. */
  readonly keys: HeldKeysContext;
  readonly onChange: (active: boolean, reason: string) => void;
  readonly warn: (message: string) => void;
}

/** How often a lease without a record is recorded anew, if the database does not tell that it is back. */
const RECORD_AGAIN_MS = 1_000;

/**
 * Locks in a database while no majority of the nodes answers, across processes.
 *
 * The database is the judge between both sides. A process that wins a lease on the nodes acquires it in the
 * database too, and holds it there as long; a process that cannot reach the nodes acquires it there alone. So
 * while a lease is held on one side, the database refuses it to the other. The database knows the tokens of
 * both sides, too: a lease gets the higher one of its two, and the counters of both sides are raised to it.
 *
 * A lease of the nodes that was won while the database was away, or lost its record since, is recorded as
 * soon as it is back.
 */
export class DatabaseFallback implements Fallback {
  readonly #leases = new Map<KeyTracker, LeaseOfNodes>();
  /** The records of leases that were lost. Their keys expire, unless the holder releases them before. */
  readonly #left = new WeakMap<KeyTracker, RecordedLease>();
  readonly #name: string;
  readonly #state: () => NodeState;
  readonly #absences: RepeatedWarnings;
  #isAway = false;
  #timer: Timer | undefined;
  #toldReason: string | undefined;

  constructor(
    private readonly nodes: Quorum,
    private readonly database: Quorum,
    private readonly context: DatabaseFallbackContext,
  ) {
    const [node] = database.nodes;
    this.#name = node!.name;
    this.#state = () => node!.state;
    this.#absences = new RepeatedWarnings(
      context.keys.clock,
      context.warn,
      (times) =>
        `${this.#name} could not be reached ${times}: what was granted meanwhile was not on record there`,
    );
    node!.onStateChange((state) => {
      if (state.status === 'ready') this.#recordAll();
      if (state.status === 'misconfigured') this.#tellMisconfigured(state.reason ?? state.status);
    });
  }

  async attempt(_resources: readonly string[], attemptOn: AttemptOn): Promise<AttemptResult> {
    const won = await attemptOn(this.nodes);
    if (won.kind === 'unreachable') return this.#fallBack(won, attemptOn);
    this.context.onChange(false, 'a majority of the nodes answers again');
    if (won.kind !== 'won') return won;
    const there = await attemptOn(this.database);
    if (there.kind === 'unreachable') {
      const alone = await this.#wonAlone(won);
      if (alone.kind !== 'won') return alone;
      this.#remember(alone, attemptOn);
      this.#recordWhenBack();
      return alone;
    }
    if (there.kind !== 'won') {
      releaseWon(won);
      return there;
    }
    return this.#wonOnBoth(won, there, attemptOn);
  }

  began(keys: HeldKeys): void {
    const lease = this.#leases.get(keys.tracker);
    if (lease !== undefined) lease.keys = keys;
  }

  ended(tracker: KeyTracker, terms?: LeaseReleaseTerms): Promise<unknown> | undefined {
    const record = this.#remove(tracker) ?? this.#left.get(tracker);
    return record?.end(tracker, terms);
  }

  lost({ tracker }: HeldKeys): void {
    const record = this.#remove(tracker);
    if (record === undefined) return;
    record.leave();
    this.#left.set(tracker, record);
  }

  close(): void {
    this.#timer?.cancel();
    this.#absences.close();
  }

  #remove(tracker: KeyTracker): RecordedLease | undefined {
    const lease = this.#leases.get(tracker);
    this.#leases.delete(tracker);
    return lease?.record;
  }

  async #fallBack(unreachable: NotAcquired, attemptOn: AttemptOn): Promise<AttemptResult> {
    const there = await attemptOn(this.database);
    if (there.kind === 'unreachable') return unreachable;
    this.context.onChange(true, `no majority of the nodes can be reached: ${this.#name} grants all locks`);
    return there.kind === 'won' ? this.#wonAlone(there) : there;
  }

  /**
   * Only one side has granted. It cannot know the tokens that the other side gave while it was away. All of
   * these are below the present time in microseconds, so the token of this lease is raised to that.
   */
  async #wonAlone(won: Won): Promise<AttemptResult> {
    const { clock } = this.context.keys;
    const { quorum, token } = won;
    const now = Math.floor(clock.stamp().wallMs * 1_000);
    // Where the counter is above the time, or this clock far ahead of the nodes', the token stays as it is.
    if (token === undefined || now <= token || !canTake(now, quorum.nodes, clock, quorum.electorates.current))
      return won;
    const isRaised = await raise(quorum, won, now);
    if (isRaised && this.#hasTimeLeft(won)) return withToken(won, now);
    releaseWon(won);
    return notRaised('the token could not be raised to the time');
  }

  /** Both sides have granted. The lease is won if both can be raised to the higher token. */
  async #wonOnBoth(won: Won, there: Won, attemptOn: AttemptOn): Promise<AttemptResult> {
    const token = Math.max(won.token ?? 0, there.token ?? 0);
    const raised = await Promise.all([raise(this.nodes, won, token), raise(this.database, there, token)]);
    if (raised.includes(false) || !this.#hasTimeLeft(won)) {
      releaseWon(there);
      releaseWon(won);
      return notRaised(`the token could not be agreed on with ${this.#name}`);
    }
    const agreed = withToken(won, token);
    this.#record(this.#remember(agreed, attemptOn), withToken(there, token));
    return agreed;
  }

  #hasTimeLeft({ grant }: Won): boolean {
    return validityLeftMs(grant, this.context.keys.clock.stamp()) > lossMarginMs(grant.ttlMs);
  }

  #remember(won: Won, attemptOn: AttemptOn): LeaseOfNodes {
    const lease: LeaseOfNodes = {
      won,
      attemptOn,
      record: undefined,
      run: undefined,
      keys: undefined,
      isRecording: false,
    };
    this.#leases.set(won.tracker, lease);
    return lease;
  }

  #record(lease: LeaseOfNodes, there: Won): void {
    this.#isAway = false;
    lease.run ??= there.run;
    lease.record = new RecordedLease(this.context.keys, there, lease.run, (reason) =>
      this.#onLost(lease, reason),
    );
  }

  #onLost(lease: LeaseOfNodes, reason: LossReason): void {
    lease.record = undefined;
    if (reason === 'taken') lease.keys?.lease?.lose('taken');
    else this.#recordWhenBack();
  }

  /**
   * A lease has no record: it is recorded as soon as the database is back. Warns once for each time that the
   * database is away, unless that is all the time.
   */
  #recordWhenBack(): void {
    if (!this.#isAway) {
      this.#isAway = true;
      const { reason } = this.#state();
      const why = reason === undefined ? '' : ` (${reason})`;
      this.#absences.write(
        `${this.#name} cannot be reached${why}: leases of the nodes are not on record there, and a process ` +
          'that reaches it and not the nodes could be granted what is held',
      );
    }
    this.#recordLater();
  }

  /** Tries again by a timer: a database that hung, or had an error, does not tell when it is well again. */
  #recordLater(): void {
    this.#timer?.cancel();
    const { clock } = this.context.keys;
    this.#timer = clock.setTimer(() => this.#recordAll(), RECORD_AGAIN_MS, 'background');
  }

  /** Records the leases that the database does not know. */
  #recordAll(): void {
    const unrecorded = [...this.#leases.values()].filter(({ record }) => record === undefined);
    for (const lease of unrecorded) if (!lease.isRecording) void this.#recordLate(lease);
    if (unrecorded.length > 0) this.#recordLater();
  }

  async #recordLate(lease: LeaseOfNodes): Promise<void> {
    const { won, attemptOn } = lease;
    lease.isRecording = true;
    let there = await attemptOn(this.database);
    // The database has its run on record already. Only the keys are still to be held there.
    if (there.kind === 'already_ran') there = await attemptOn(this.database, { asRun: false });
    lease.isRecording = false;
    const isHeld = (): boolean => this.#leases.get(won.tracker) === lease;
    if (there.kind === 'won') {
      if (isHeld() && (await raise(this.database, there, won.token ?? 0)) && isHeld())
        this.#record(lease, there);
      else releaseWon(there);
    } else if (there.kind === 'held' && isHeld()) lease.keys?.lease?.lose('taken');
  }

  #tellMisconfigured(reason: string): void {
    if (reason === this.#toldReason) return;
    this.#toldReason = reason;
    this.context.warn(`fallback ${this.#name} has no vote: ${reason}`);
  }
}

/** Raises the counters of one side to the token `to`. Resolves to whether they are at least that. */
async function raise(quorum: Quorum, { tracker, request, token, grant }: Won, to: number): Promise<boolean> {
  if (token === undefined || token >= to) return true;
  const { id, ttlMs, nodeTimeoutMs } = request;
  const terms = { id, ttlMs, nodeTimeoutMs, validUntil: endOf(grant), token, maxCounter: to };
  return (await quorum.extend(tracker, terms).decided) === 'won';
}

const notRaised = (failure: string): NotAcquired => ({
  kind: 'unreachable',
  votes: [],
  failure,
  undone: Promise.resolve(),
});

const withToken = (won: Won, token: number): Won => (won.token === undefined ? won : { ...won, token });
