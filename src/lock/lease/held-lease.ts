import type { Clock } from '../../clock.js';
import type { QuarantineTerm } from '../../core/quarantine.js';
import type { RunNote } from '../../core/run-history.js';
import {
  HELD,
  lost,
  released,
  transferred,
  type LeaseState,
  type LossReason,
} from '../../core/lease-state.js';
import { LeaseLostError, QuorumUnreachableError } from '../../api/errors.js';
import type { LockEvent } from '../../api/events.js';
import type { LockEvents } from '../../api/lock-events.js';
import type { Lease, LeaseJson, ReleaseOptions } from '../../api/lease.js';
import type { ResolvedAcquireOptions } from '../../api/resolved-options.js';
import type { AcquireCall } from '../acquire/acquire-call.js';
import type { Quorum } from '../quorum/quorum.js';
import { checkTtlMs } from '../validation/checks.js';
import type { HeldKeys } from './held-keys.js';
import type { LeaseHost } from './lease-host.js';
import type { LeaseListener } from './lease-listener.js';
import { assertTransferable, leaseJson } from './lease-data.js';

type LeaseEnded = Extract<LockEvent, { type: 'released' }>;

/**
 * What all leases of a manager have in common: one object, because there may be a hundred thousand of them.
 */
export interface LeaseContext {
  readonly clock: Clock;
  readonly events: LockEvents;
  readonly host: LeaseHost;
  readonly quarantine: QuarantineTerm;
  readonly keyPrefix: string;
  /** The nodes, as opposed to the fallback. */
  readonly quorum: Quorum;
  /** Whether all nodes are in memory, so that every lease excludes this process only. */
  readonly isInMemory: boolean;
}

/**
 * The handle of held keys, until it is released or lost. What is extended, and when it is lost, the keys
 * know.
 */
export class HeldLease implements Lease, LeaseListener {
  readonly #context: LeaseContext;
  readonly #id: number;
  readonly #terms: ResolvedAcquireOptions;
  readonly #keys: HeldKeys;
  readonly #heldSince: number;
  readonly #token: number | undefined;
  #state = HELD;
  /** Made when somebody reads it: most leases are short, and a signal costs more than the rest of them. */
  #signal: AbortController | undefined;
  #released: Promise<void> | undefined;
  /** Whether somebody may have what it takes to adopt it. */
  #isOffered = false;

  constructor(
    context: LeaseContext,
    keys: HeldKeys,
    { id, options }: AcquireCall,
    readonly attempts: number,
  ) {
    this.#context = context;
    this.#id = id;
    this.#terms = options;
    this.#keys = keys;
    this.#heldSince = context.clock.now();
    this.#token = keys.begin(this);
  }

  get resources(): readonly string[] {
    return this.#keys.tracker.resources;
  }

  get holderId(): string {
    return this.#keys.tracker.holderId;
  }

  get name(): string {
    return this.#terms.name;
  }

  get fallback(): boolean {
    return this.#isInFallback || this.#context.isInMemory;
  }

  /** The number of the acquire call that it comes from, which all its events carry. */
  get id(): number {
    return this.#id;
  }

  get terms(): ResolvedAcquireOptions {
    return this.#terms;
  }

  get heldSince(): number {
    return this.#heldSince;
  }

  get signal(): AbortSignal {
    this.#catchUp();
    if (this.#signal === undefined) {
      this.#signal = new AbortController();
      const { phase } = this.#state;
      if (phase === 'lost' || phase === 'transferred') this.#signal.abort(this.#overError());
    }
    return this.#signal.signal;
  }

  get token(): number {
    if (this.#token === undefined) throw new TypeError('there is no token: the option fencing is off');
    return this.#token;
  }

  /** The token as events carry it: `undefined` without fencing. */
  get tokenIfAny(): number | undefined {
    return this.#token;
  }

  get attempt(): number | undefined {
    return this.#keys.run?.mark.attempt;
  }

  /** What the nodes are to remember of the run: it goes to them with the release. */
  set note(note: RunNote) {
    const { run } = this.#keys;
    if (run !== undefined) run.note = note;
  }

  remainingMs(): number {
    this.#catchUp();
    return this.#isHeld() ? this.#keys.remainingMs : 0;
  }

  assertHeld(): void {
    if (this.remainingMs() > 0) return;
    throw this.#overError();
  }

  async extend(ttlMs: number = this.#terms.ttlMs): Promise<void> {
    checkTtlMs(ttlMs);
    this.#context.quarantine.raise(ttlMs);
    const won = await this.#keys.extend(this, ttlMs);
    if (!this.#isHeld()) throw this.#overError();
    if (won) return;
    const { failedVotes } = this.#keys;
    throw new QuorumUnreachableError(
      this.resources,
      failedVotes,
      'no majority of the nodes extended the lease in time',
    );
  }

  /** Never rejects: whatever else a program without types may give, only `finish: false` has an effect. */
  release(options?: ReleaseOptions | null): Promise<void> {
    const finish = options?.finish !== false;
    if (this.#isHeld()) this.#released = this.#release(finish);
    // After a loss the holder says by this that it has stopped.
    else if (this.#state.phase === 'lost')
      this.#released ??= this.#releaseKeys(0, finish).then(() => undefined);
    return this.#released ?? Promise.resolve();
  }

  finished(): Promise<boolean> {
    return this.#keys.run?.recorded ?? Promise.resolve(false);
  }

  toJSON(): LeaseJson {
    this.#isOffered = true;
    return leaseJson(this, {
      keyPrefix: this.#context.keyPrefix,
      tick: this.#keys.run?.mark.tick,
      isInFallback: this.#isInFallback,
      isTransferred: this.#state.phase === 'transferred',
    });
  }

  async transfer(): Promise<LeaseJson> {
    this.assertHeld();
    assertTransferable(this.#keys.run?.mark, this.#isInFallback);
    this.#state = transferred(this.#state);
    const heldMs = this.#end();
    this.#signal?.abort(this.#overError());
    const { events, host } = this.#context;
    events.emit({ type: 'transferred', ...this.#about(), heldMs });
    await host.transferred(this.#keys, this.#terms.nodeTimeoutMs);
    return this.toJSON();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /**
   * Ends the lease against the holder's will. Its keys are left to expire, or to the holder's own `release`:
   * the holder hears of the loss now, and needs the rest of their time to stop. Only if the connections are
   * about to be closed, the keys are released at once, unless `leaveKeys` says otherwise.
   */
  lose(reason: LossReason, leaveKeys: boolean = false): void {
    if (!this.#isHeld()) return;
    this.#state = lost(this.#state, reason);
    const heldMs = this.#end();
    this.#signal?.abort(this.#overError());
    this.#context.events.emit({ type: 'lost', ...this.#about(), heldMs, reason });
    // Its routine has not ended: nothing is known of the run.
    if (reason === 'closed' && !leaveKeys) void this.release({ finish: false });
    else this.#context.host.lost(this.#keys);
  }

  /** Unlike `fallback`, this is false where all nodes are in memory. */
  get #isInFallback(): boolean {
    return !this.#keys.isOn(this.#context.quorum);
  }

  /** Once the lease is over, the keys may be held for another one. */
  #catchUp(): void {
    if (this.#isHeld()) this.#keys.catchUp();
  }

  /** A call, and not a comparison: the state may change while another method of the lease runs. */
  #isHeld(): boolean {
    return this.#state.phase === 'held';
  }

  #release(finish: boolean): Promise<void> {
    // The state changes first: an extension that is running can do nothing for the lease any more.
    this.#state = released(this.#state);
    const heldMs = this.#end();
    const { minHoldMs } = this.#terms;
    const emitReleased = (acknowledged: number): void => this.#emitReleased(heldMs, acknowledged);
    if (minHoldMs > 0) return this.#releaseKeys(Math.max(0, minHoldMs - heldMs), finish).then(emitReleased);
    const { host } = this.#context;
    // The end of a run is told to the nodes, so its keys go there, too. What may be adopted is this lease
    // alone, and not the one that would follow on its keys.
    const mayFollow = this.#keys.run === undefined && !this.#isOffered;
    if (mayFollow && host.handOver(this.#keys, () => emitReleased(this.#keys.nodeCount)))
      return Promise.resolve();
    return this.#releaseKeys(0, finish).then(emitReleased);
  }

  #releaseKeys(keepMs: number, isFinished: boolean): Promise<number> {
    const { nodeTimeoutMs } = this.#terms;
    const { run } = this.#keys;
    if (!isFinished) run?.tell(false);
    const finish = isFinished ? run?.finish : undefined;
    const terms = { id: this.#id, nodeTimeoutMs, keepMs, finish, note: run?.note };
    return this.#context.host.release(this.#keys, terms);
  }

  /** Returns for how long the lease was held, in milliseconds. */
  #end(): number {
    this.#keys.end();
    this.#context.host.ended();
    return this.#context.clock.now() - this.#heldSince;
  }

  #emitReleased(heldMs: number, acknowledged: number): void {
    const { events } = this.#context;
    if (events.listening) events.emit({ type: 'released', ...this.#about(), heldMs, acknowledged });
  }

  /** What the events of its end have in common. */
  #about(): Pick<LeaseEnded, 'id' | 'name' | 'resources' | 'token'> {
    const { id, name, resources, tokenIfAny: token } = this;
    return { id, name, resources, token };
  }

  #overError(): LeaseLostError {
    const state: LeaseState = this.#state;
    const reason = state.phase === 'lost' ? state.reason : state.phase === 'held' ? 'stalled' : state.phase;
    return new LeaseLostError(this.resources, reason);
  }
}
