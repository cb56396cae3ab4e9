import { failed, type Failed, type Refused, type Vote } from '../../core/vote.js';
import {
  PRESENT_ONLY,
  type AcquireRequest,
  type VoteReceiver,
  type ConfirmRequest,
  type ReleaseListener,
  type ExtendRequest,
  type LockNode,
  type NodeInspection,
  type NodeRequest,
  type NodeState,
  type ReleaseRequest,
} from '../lock-node.js';
import { systemClock, type Clock } from '../../clock.js';

interface Entry {
  readonly owner: string;
  readonly expiresAt: number;
}

interface Fence {
  counter?: number;
  tick?: number;
  touchedAt: number;
}

/** As on a Redis node: longer than anybody remembers a token, or a clock lags behind. */
const FENCE_TTL_MS = 7 * 24 * 3_600_000;
const SWEEP_FROM = 1_000;

const absent: Refused = { kind: 'refused', reason: 'absent' };
const superseded = (counter: number): Refused => ({ kind: 'refused', reason: 'superseded', counter });

/**
 * A voter inside this process. It excludes callers in this process and nobody else: for one instance, for tests, and for
 * the fallback while no Redis can be reached.
 */
export class MemoryNode implements LockNode {
  readonly #entries = new Map<string, Entry>();
  readonly #fences = new Map<string, Fence>();
  /** Who waits for a resource, in the order of coming, and who hears. */
  readonly #lists = new Map<string, Set<string>>();
  readonly #listeners = new Map<string, (resource: string | undefined) => void>();
  #state: NodeState = { status: 'ready' };
  #sweepAt = SWEEP_FROM;

  constructor(
    readonly name: string,
    private readonly clock: Pick<Clock, 'now'> = systemClock,
  ) {}

  get address(): string {
    return this.name;
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Carried out at once; answered when the caller has finished, as by every other node. */
  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void {
    const vote = this.#vote(request);
    queueMicrotask(() => receiver.receive(nodeIndex, vote));
  }

  /** It answers everything at once. */
  withdraw(): void {}

  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    this.#listeners.set(waiter, listener);
    queueMicrotask(() => listener(undefined));
    return { open: true, close: () => void this.#listeners.delete(waiter) };
  }

  inspect(resources: readonly string[]): Promise<readonly (NodeInspection | Failed)[]> {
    const { status, reason } = this.#state;
    const inspect = (resource: string): NodeInspection | Failed => {
      if (status !== 'ready') return failed('unreachable', new Error(reason ?? status));
      const entry = this.#live(resource);
      const fence = this.#fences.get(resource);
      return {
        kind: 'inspected',
        owner: entry?.owner,
        remainingMs: entry === undefined ? 0 : entry.expiresAt - this.clock.now(),
        counter: fence?.counter,
        lastTick: fence?.tick,
      };
    };
    return Promise.resolve(resources.map(inspect));
  }

  onStateChange(): () => void {
    return () => undefined;
  }

  /** It remembers for as long as the process does, and has the process's clock: there is nothing to distrust. */
  look(): Promise<void> {
    return Promise.resolve();
  }

  admit(): Promise<void> {
    return Promise.resolve();
  }

  recordMembers(): Promise<void> {
    return Promise.resolve();
  }

  quarantine(): void {
    // See `look`.
  }

  markMisconfigured(reason: string): void {
    this.#state = { status: 'misconfigured', reason };
  }

  /** Nothing to end: another manager may share this node, and its leases go on. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #vote(request: NodeRequest): Vote {
    const { status, reason } = this.#state;
    if (status !== 'ready') return failed('unreachable', new Error(reason ?? status));
    switch (request.op) {
      case 'acquire':
        return this.#enlist(request, this.#acquire(request));
      case 'confirm':
        return this.#confirm(request);
      case 'extend':
        return this.#extend(request);
      case 'release':
        return this.#release(request);
      case 'wake':
        for (const resource of request.resources)
          if (this.#live(resource) === undefined) this.#wake(resource);
        return { kind: 'granted', counter: 0 };
    }
  }

  #acquire({ resources, holderId, ttlMs, deadlineAt, seed, tick, tokens }: AcquireRequest): Vote {
    if (this.clock.now() > deadlineAt) return late();
    let mine = 0;
    let highest = 0;
    for (const resource of resources) {
      const fence = this.#fences.get(resource);
      const entry = this.#live(resource);
      if (entry !== undefined && entry.owner !== holderId) return this.#heldBy(entry);
      if (tick !== undefined && (fence?.tick ?? -1) >= tick)
        return { kind: 'refused', reason: 'already_ran' };
      if (entry !== undefined) mine++;
      if (seed !== undefined) highest = Math.max(highest, fence?.counter ?? seed);
    }
    if (mine === resources.length) return { kind: 'granted', counter: highest };
    const counter = seed === undefined ? 0 : highest + tokens;
    for (const resource of resources) {
      if (seed !== undefined) this.#fence(resource).counter = counter;
      this.#entries.set(resource, { owner: holderId, expiresAt: this.clock.now() + ttlMs });
    }
    if (this.#entries.size + this.#fences.size > this.#sweepAt) this.#sweep();
    return { kind: 'granted', counter };
  }

  /** Those who are ready to wait: on the list of what refused them, or off the lists. */
  #enlist({ resources, holderId, queueEntry }: AcquireRequest, vote: Vote): Vote {
    if (queueEntry === undefined) return vote;
    if (vote.kind === 'granted') {
      let waiting = 0;
      for (const resource of resources) {
        const list = this.#lists.get(resource);
        list?.delete(queueEntry.waiter);
        if (list?.size === 0) this.#lists.delete(resource);
        waiting = Math.max(waiting, list?.size ?? 0);
      }
      return { ...vote, waiting };
    }
    const held = resources.find((resource) => (this.#live(resource)?.owner ?? holderId) !== holderId);
    if (vote.kind === 'refused' && vote.reason === 'held' && held !== undefined)
      this.#listOf(held).add(queueEntry.waiter);
    return vote;
  }

  #listOf(resource: string): Set<string> {
    let list = this.#lists.get(resource);
    if (list === undefined) this.#lists.set(resource, (list = new Set()));
    return list;
  }

  /** Tells the first on the list that hears. */
  #wake(resource: string): boolean {
    const list = this.#lists.get(resource);
    if (list === undefined) return false;
    let isTold = false;
    for (const waiter of list) {
      list.delete(waiter);
      const listener = this.#listeners.get(waiter);
      if (listener === undefined) continue;
      queueMicrotask(() => listener(resource));
      isTold = true;
      break;
    }
    if (list.size === 0) this.#lists.delete(resource);
    return isTold;
  }

  #confirm({ resources, holderId, deadlineAt, token, tick }: ConfirmRequest): Vote {
    if (this.clock.now() > deadlineAt) return late();
    for (const resource of resources) {
      const entry = this.#live(resource);
      if (entry === undefined) return absent;
      if (entry.owner !== holderId) return this.#heldBy(entry);
      const counter = this.#fences.get(resource)?.counter ?? 0;
      if (counter > token) return superseded(counter);
    }
    for (const resource of resources) {
      const fence = this.#fence(resource);
      fence.counter = token;
      if (tick !== undefined) fence.tick = tick;
    }
    return { kind: 'granted', counter: token };
  }

  #extend({ resources, holderId, ttlMs, deadlineAt, token, maxCounter }: ExtendRequest): Vote {
    if (this.clock.now() > deadlineAt) return late();
    let restored = false;
    for (const resource of resources) {
      const entry = this.#live(resource);
      const counter = this.#fences.get(resource)?.counter;
      if (entry !== undefined && entry.owner !== holderId) return this.#heldBy(entry);
      if (entry === undefined && token === PRESENT_ONLY) return absent;
      if (token !== undefined && counter !== undefined) {
        if (entry !== undefined && maxCounter !== undefined && counter > maxCounter)
          return superseded(counter);
        if (entry === undefined && counter > token) return absent;
      }
      if (entry === undefined && counter === undefined) restored = true;
    }
    const until = this.clock.now() + ttlMs;
    for (const resource of resources) {
      const expiresAt = Math.max(until, this.#live(resource)?.expiresAt ?? 0);
      this.#entries.set(resource, { owner: holderId, expiresAt });
      if (maxCounter === undefined) continue;
      const fence = this.#fence(resource);
      fence.counter = Math.max(maxCounter, fence.counter ?? 0);
    }
    return restored
      ? failed('restored', new Error('the node had lost the key'))
      : { kind: 'granted', counter: maxCounter ?? 0 };
  }

  #release({ resources, holderId, keepMs, queueEntry }: ReleaseRequest): Vote {
    let found = 0;
    let told = 0;
    for (const resource of resources) {
      if (this.#live(resource)?.owner !== holderId) continue;
      found++;
      if (keepMs > 0) this.#entries.set(resource, { owner: holderId, expiresAt: this.clock.now() + keepMs });
      else this.#entries.delete(resource);
      if (queueEntry !== undefined) this.#listOf(resource).add(queueEntry.waiter);
      if (this.#wake(resource)) told++;
    }
    if (found === 0) return absent;
    return told === 0 ? { kind: 'granted', counter: 0 } : { kind: 'granted', counter: 0, waiting: told };
  }

  #heldBy({ owner, expiresAt }: Entry): Refused {
    return { kind: 'refused', reason: 'held', owner, remainingMs: expiresAt - this.clock.now() };
  }

  #live(resource: string): Entry | undefined {
    const entry = this.#entries.get(resource);
    if (entry === undefined || entry.expiresAt > this.clock.now()) return entry;
    this.#entries.delete(resource);
    return undefined;
  }

  #fence(resource: string): Fence {
    let fence = this.#fences.get(resource);
    if (fence === undefined) this.#fences.set(resource, (fence = { touchedAt: 0 }));
    fence.touchedAt = this.clock.now();
    return fence;
  }

  /** Drops what is out of date whenever the number of resources has doubled: names that never come again leave no trace. */
  #sweep(): void {
    const now = this.clock.now();
    for (const [resource, { expiresAt }] of this.#entries)
      if (expiresAt <= now) this.#entries.delete(resource);
    for (const [resource, { touchedAt }] of this.#fences) {
      if (touchedAt + FENCE_TTL_MS <= now && !this.#entries.has(resource)) this.#fences.delete(resource);
    }
    this.#sweepAt = Math.max(SWEEP_FROM, 2 * (this.#entries.size + this.#fences.size));
  }
}

const late = (): Failed => failed('late', new Error('the request reached the node after its deadline'));

/**
 * Makes an in-memory voter to put into `nodes`. Managers that are given the same one exclude each other; other processes
 * are not excluded, whatever their nodes.
 */
export const memoryNode = (options: { readonly name?: string } = {}): LockNode =>
  new MemoryNode(options.name ?? 'memory');
