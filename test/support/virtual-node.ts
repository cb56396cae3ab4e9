import type { LockNode, Vote } from '../../src/index.js';
import type { Clock } from '../../src/testing/index.js';
import { TICK_FORGOTTEN, type RunRecord } from '../../src/core/run.js';
import { failedWith } from '../../src/core/run-votes.js';
import { failed, type Failed } from '../../src/core/vote.js';
import { MemoryNode } from '../../src/node/memory/memory-node.js';
import type { ReleaseListener, VoteReceiver } from '../../src/node/lock-node.js';
import type { NodeMemory } from '../../src/node/node-memory.js';
import type { NodeRequest } from '../../src/node/node-request.js';
import type { NodeState } from '../../src/node/node-state.js';
import { voteOf } from '../../src/node/contract/operations.js';

/** The current delays and faults of a node. */
export interface Behaviour {
  /** The delay of a request, in milliseconds. `replyMs` is that of a reply. */
  readonly requestMs: number;
  readonly replyMs: number;
  /** The request arrives, and the reply is lost: the connection breaks after this many milliseconds. */
  readonly loseReplyAfterMs?: number;
  /** Requests wait until the node is resumed. */
  readonly stopped?: boolean;
  /** Every request fails at once, as with a refused connection. */
  readonly down?: boolean;
  /** It lost its memory, and never votes for ticks up to this one. */
  readonly forgotTick?: number;
  /** It does not vote under the list of nodes of those who ask. */
  readonly hasOtherList?: boolean;
  /** Release notifications are lost. */
  readonly losesNotifications?: boolean;
  /** The connection for release notifications cannot be opened. */
  readonly cannotSubscribe?: boolean;
}

/**
 * A voter behind a network in virtual time: the semantics of a memory node, with delays and faults of the
 * network.
 */
export class VirtualNode implements LockNode, NodeMemory {
  behaviour: Behaviour = { requestMs: 1, replyMs: 1 };
  /** Every request that was carried out, in order. */
  readonly log: {
    readonly op: NodeRequest['op'];
    readonly holderId: string;
    readonly vote: Vote;
    readonly at: number;
  }[] = [];
  #memory: MemoryNode;
  readonly #releaseListeners = new Map<string, (resource: string | undefined) => void>();
  #waiting: (() => void)[] = [];
  readonly #listeners = new Set<(state: NodeState) => void>();
  #state: NodeState = { status: 'ready' };

  constructor(
    readonly name: string,
    private readonly clock: Clock,
  ) {
    this.#memory = new MemoryNode(name, clock);
  }

  get address(): string {
    return this.name;
  }

  get state(): NodeState {
    return this.#state;
  }

  get memory(): NodeMemory {
    return this;
  }

  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void {
    void this.vote(request).then((vote) => receiver.receive(nodeIndex, vote));
  }

  /**
   * Release notifications have the delay of replies. They are lost while the node is down or stopped, or if
   * `losesNotifications` is set.
   */
  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    const notify = (resource: string | undefined): void => {
      if (
        !this.#releaseListeners.has(waiter) ||
        this.behaviour.down ||
        this.behaviour.stopped ||
        this.behaviour.losesNotifications
      )
        return;
      void this.#pass(this.behaviour.replyMs).then(() => listener(resource));
    };
    this.#releaseListeners.set(waiter, notify);
    const own = this.#memory.onRelease(waiter, notify);
    const isOpen = (): boolean => !this.behaviour.down && this.behaviour.cannotSubscribe !== true;
    return {
      get open() {
        return isOpen();
      },
      close: () => {
        this.#releaseListeners.delete(waiter);
        own.close();
      },
    };
  }

  inspect: LockNode['inspect'] = (resources) => {
    const unreachable = failed('unreachable', new Error('connection refused'));
    return this.behaviour.down
      ? Promise.resolve(resources.map(() => unreachable))
      : this.#memory.inspect(resources);
  };

  history(resource: string): Promise<readonly string[] | Failed> {
    const { down } = this.behaviour;
    if (down) return Promise.resolve(failed('unreachable', new Error('connection refused')));
    return this.#memory.history(resource);
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  look(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  trust(): Promise<void> {
    this.setState({ status: 'ready' });
    return Promise.resolve();
  }

  recordLoss(): Promise<void> {
    this.setState({ status: 'untrusted', reason: 'it lost its memory' });
    return Promise.resolve();
  }

  recordMembers(): Promise<void> {
    return Promise.resolve();
  }

  quarantine(reason: string): void {
    this.setState({ ...this.#state, status: 'untrusted', reason });
  }

  endQuarantine(reason: string): void {
    if (this.#state.status !== 'untrusted' || this.#state.reason !== reason) return;
    const { reason: _, ...rest } = this.#state;
    this.setState({ ...rest, status: 'ready' });
  }

  markMisconfigured(reason: string): void {
    this.setState({ status: 'misconfigured', reason });
  }

  close(): Promise<void> {
    this.setState({ status: 'closed' });
    return Promise.resolve();
  }

  setState(state: NodeState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  stop(): void {
    this.behaviour = { ...this.behaviour, stopped: true };
  }

  /** Carries out the requests that arrived meanwhile, in order. */
  resume(): void {
    this.behaviour = { ...this.behaviour, stopped: false };
    for (const carryOut of this.#waiting.splice(0)) carryOut();
  }

  down(): void {
    this.behaviour = { ...this.behaviour, down: true };
    this.setState({ status: 'unreachable', reason: 'connection refused' });
  }

  up({ keepData = true } = {}): void {
    this.behaviour = { ...this.behaviour, down: false };
    if (!keepData) this.loseData();
    this.setState({ status: 'ready' });
  }

  loseData(): void {
    this.#memory = new MemoryNode(this.name, this.clock);
    for (const [waiter, notify] of this.#releaseListeners) this.#memory.onRelease(waiter, notify);
  }

  /** The holder of the resource, as the node itself sees it. */
  async owner(resource: string): Promise<string | undefined> {
    const [answer] = await this.#memory.inspect([resource]);
    return answer?.kind === 'inspected' ? answer.owner : undefined;
  }

  /** What it has on record of the latest tick, also while nobody reaches it. */
  async run(resource: string): Promise<RunRecord | undefined> {
    const [answer] = await this.#memory.inspect([resource]);
    return answer?.kind === 'inspected' ? answer.run : undefined;
  }

  /** The remaining life of the key on this node. */
  async remainingMs(resource: string): Promise<number> {
    const [answer] = await this.#memory.inspect([resource]);
    return answer?.kind === 'inspected' ? answer.remainingMs : 0;
  }

  /** The number of requests in transit, there or back. */
  underWay = 0;

  vote(request: NodeRequest): Promise<Vote> {
    this.underWay++;
    return this.#answer(request).finally(() => void this.underWay--);
  }

  async #answer(request: NodeRequest): Promise<Vote> {
    const { requestMs, replyMs, loseReplyAfterMs, down } = this.behaviour;
    if (down) return failed('unreachable', new Error('connection refused'));
    await this.#pass(requestMs);
    if (this.behaviour.stopped) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const { op, holderId } = request;
    const answer = this.#isMismatch(request)
      ? failed('mismatch', new Error('the node does not vote under this list of nodes'))
      : this.#forgot(request)
        ? failedWith(TICK_FORGOTTEN)
        : await voteOf(this.#memory, request);
    const vote = this.#state.status === 'untrusted' ? this.#withoutVote(request, answer) : answer;
    this.log.push({ op, holderId, vote, at: this.clock.now() });
    if (loseReplyAfterMs !== undefined) {
      await this.#pass(loseReplyAfterMs);
      return failed('disconnected', new Error('connection lost'));
    }
    await this.#pass(replyMs);
    return vote;
  }

  #isMismatch({ op }: NodeRequest): boolean {
    return this.behaviour.hasOtherList === true && op !== 'release' && op !== 'wake';
  }

  #forgot(request: NodeRequest): boolean {
    const isClaim = request.op === 'acquire' || request.op === 'confirm';
    const { forgotTick = Number.NEGATIVE_INFINITY } = this.behaviour;
    return isClaim && request.tick !== undefined && request.tick <= forgotTick;
  }

  #withoutVote(request: NodeRequest, answer: Vote): Vote {
    if (answer.kind === 'refused') return { ...answer, untrusted: true };
    const isPlainRelease = request.op === 'release' && request.finish === undefined;
    const isWorthNothing = answer.kind === 'granted' && !isPlainRelease;
    return isWorthNothing ? failed('untrusted', new Error(this.#state.reason)) : answer;
  }

  #pass(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(resolve, delayMs));
  }
}
