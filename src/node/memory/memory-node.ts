import { COMES_WITHIN_MS } from '../../core/backoff.js';
import { failed, type Failed, type Vote } from '../../core/vote.js';
import { systemClock, type Clock } from '../../clock.js';
import type { LockNode, NodeInspection, ReleaseListener, VoteReceiver } from '../lock-node.js';
import type { AcquireRequest, NodeRequest, ReleaseRequest } from '../node-request.js';
import type { NodeState } from '../node-state.js';
import { ObservableState } from '../observable-state.js';
import { historyIn, inspectRecord, voteOn, type ResourceRecord } from '../vote-rules.js';

/** How long a counter or tick is kept after the last use: the longest of what a Redis node keeps. */
const RECORD_TTL_MS = 7 * 24 * 3_600_000;
/** From so many records on, those that are out of date are searched for. */
const SWEEP_FROM = 1_000;

/**
 * A voter in this process's memory. It excludes callers in this process and nobody else. Use it for a single
 * instance, for tests, and as the fallback while no Redis can be reached.
 */
export class MemoryNode implements LockNode {
  readonly scope = 'process';
  readonly #records = new Map<string, Stored>();
  /** The wait list of each resource, in the order of joining: when each waiter was told, if it was. */
  readonly #waitLists = new Map<string, Map<string, number | undefined>>();
  /** The listener of each waiter. */
  readonly #listeners = new Map<string, (resource: string | undefined) => void>();
  readonly #state = new ObservableState({ status: 'ready' });
  #sweepAt = SWEEP_FROM;
  /** The most that the wall clock was ahead of the monotonic clock. */
  #wallAheadMs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly name: string,
    private readonly clock: Pick<Clock, 'now' | 'stamp'> = systemClock,
  ) {}

  get address(): string {
    return this.name;
  }

  get state(): NodeState {
    return this.#state.state;
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    return this.#state.onChange(listener);
  }

  /** Takes effect at once. The vote comes when the caller has finished, as from every other node. */
  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void {
    const vote = this.#absence() ?? this.#vote(request);
    afterCaller(() => receiver.receive(nodeIndex, vote));
  }

  inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    const now = this.clock.now();
    const absence = this.#absence();
    return Promise.resolve(
      resources.map((resource) => absence ?? inspectRecord(this.#records.get(resource), now)),
    );
  }

  history(resource: string): Promise<readonly string[] | Failed> {
    return Promise.resolve(this.#absence() ?? historyIn(this.#records.get(resource)));
  }

  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    this.#listeners.set(waiter, listener);
    afterCaller(() => listener(undefined));
    return { open: true, close: () => void this.#listeners.delete(waiter) };
  }

  markMisconfigured(reason: string): void {
    this.#state.end({ status: 'misconfigured', reason });
  }

  /** Nothing to end: another manager may share this node, and its leases go on. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #absence(): Failed | undefined {
    const { status, reason = status } = this.#state.state;
    return status === 'ready' ? undefined : failed('unreachable', new Error(reason));
  }

  #vote(request: NodeRequest): Vote {
    const now = this.clock.now();
    switch (request.op) {
      case 'acquire':
        return this.#joinOrLeave(request, this.#decide(request, now), now);
      case 'release':
        return this.#release(request, now);
      case 'wake':
        for (const resource of request.resources) {
          if (this.#ownerOf(resource, now) !== undefined) continue;
          this.#waitLists.get(resource)?.delete(request.holderId);
          this.#announce(resource, now);
        }
        return this.#decide(request, now);
      case 'confirm':
      case 'extend':
        return this.#decide(request, now);
    }
  }

  #decide(request: NodeRequest, now: number): Vote {
    const store = {
      get: (resource: string) => this.#records.get(resource),
      set: (resource: string, record: ResourceRecord) =>
        void this.#records.set(resource, { ...record, touchedAt: now }),
    };
    const vote = voteOn(request, store, { now, callerNow: now, wallMs: this.#wallMs() });
    if (this.#records.size > this.#sweepAt) this.#sweep(now);
    return vote;
  }

  /** Refused as held: joins the wait list of the resource that refused. Granted: leaves the wait lists. */
  #joinOrLeave({ resources, holderId, queueEntry }: AcquireRequest, vote: Vote, now: number): Vote {
    if (queueEntry === undefined) return vote;
    if (vote.kind === 'granted') {
      let waiting = 0;
      for (const resource of resources) {
        const list = this.#waitLists.get(resource);
        list?.delete(queueEntry.waiter);
        if (list?.size === 0) this.#waitLists.delete(resource);
        waiting = Math.max(waiting, list?.size ?? 0);
      }
      return { ...vote, waiting };
    }
    if (vote.kind === 'refused' && vote.reason === 'held') {
      const held = resources.find((resource) => (this.#ownerOf(resource, now) ?? holderId) !== holderId);
      if (held !== undefined) this.#join(held, queueEntry.waiter);
    }
    return vote;
  }

  #release(request: ReleaseRequest, now: number): Vote {
    const { resources, holderId, queueEntry } = request;
    const owned = resources.filter((resource) => this.#ownerOf(resource, now) === holderId);
    const vote = this.#decide(request, now);
    let notified = 0;
    for (const resource of owned) {
      if (queueEntry !== undefined) this.#join(resource, queueEntry.waiter);
      if (this.#announce(resource, now)) notified++;
    }
    return vote.kind === 'granted' && notified > 0 ? { ...vote, waiting: notified } : vote;
  }

  #join(resource: string, waiter: string): void {
    let list = this.#waitLists.get(resource);
    if (list === undefined) this.#waitLists.set(resource, (list = new Map()));
    if (!list.has(waiter)) list.set(waiter, undefined);
  }

  /**
   * Tells the first waiter on the list that listens; whether there was one. It keeps its place until it has
   * the resource or is told again. If it is told again after long, the next one is told too.
   */
  #announce(resource: string, now: number): boolean {
    const list = this.#waitLists.get(resource);
    if (list === undefined) return false;
    let isTold = false;
    for (const [waiter, toldAt] of list) {
      const listener = this.#listeners.get(waiter);
      if (listener === undefined || toldAt !== undefined) list.delete(waiter);
      else list.set(waiter, now);
      if (listener === undefined) continue;
      afterCaller(() => listener(resource));
      isTold = true;
      if (toldAt === undefined || now - toldAt < COMES_WITHIN_MS) break;
    }
    if (list.size === 0) this.#waitLists.delete(resource);
    return isTold;
  }

  /** The wall clock, which goes on as before where it is set back: counters were made by it. */
  #wallMs(): number {
    const { wallMs, monotonicMs } = this.clock.stamp();
    this.#wallAheadMs = Math.max(this.#wallAheadMs, wallMs - monotonicMs);
    return monotonicMs + this.#wallAheadMs;
  }

  #ownerOf(resource: string, now: number): string | undefined {
    return inspectRecord(this.#records.get(resource), now).owner;
  }

  /**
   * Drops records that are out of date: those without a key that have no counter and no tick, or were not
   * used for long. It runs when the number of records has doubled, so that names that never come again leave
   * no trace.
   */
  #sweep(now: number): void {
    for (const [resource, { owner, expiresAt, counter, run, notes, touchedAt }] of this.#records) {
      const hasKey = owner !== undefined && expiresAt > now;
      const isEmpty = counter === undefined && run === undefined && notes === undefined;
      if (!hasKey && (isEmpty || touchedAt + RECORD_TTL_MS <= now)) this.#records.delete(resource);
    }
    this.#sweepAt = Math.max(SWEEP_FROM, 2 * this.#records.size);
  }
}

/**
 * Acts when the caller has finished. Not by `queueMicrotask`: the fake timers of Jest replace it, and then
 * nothing would be answered in the tests for which this node is made. Promises cannot be replaced.
 */
const afterCaller = (act: () => void): void => void Promise.resolve().then(act);

interface Stored extends ResourceRecord {
  readonly touchedAt: number;
}

/** The options of `memoryNode`. */
export interface MemoryNodeOptions {
  /** @default 'memory' */
  readonly name?: string | undefined;
  /**
   * By which keys expire. Give it the clock of the managers, if they have one of their own.
   * @default the clock of the machine
   */
  readonly clock?: Pick<Clock, 'now' | 'stamp'> | undefined;
}

/**
 * Makes an in-memory voter to put into `nodes`. Managers that are given the same one exclude each other.
 * Other processes are not excluded, whatever their nodes.
 */
export const memoryNode = ({ name = 'memory', clock }: MemoryNodeOptions = {}): LockNode =>
  new MemoryNode(name, clock);
