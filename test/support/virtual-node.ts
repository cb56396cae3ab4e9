import type { LockNode, Vote } from '../../src/index.js';
import type { Clock } from '../../src/index.js';
import { failed } from '../../src/core/vote.js';
import { MemoryNode } from '../../src/node/memory/memory-node.js';
import type {
  NodeMemory,
  NodeRequest,
  NodeState,
  ReleaseListener,
  VoteReceiver,
} from '../../src/node/lock-node.js';
import { voteOf } from './vote-of.js';

/** How a node treats its requests for as long as a test says so. */
export interface Behaviour {
  /** One way, in milliseconds. */
  readonly requestMs: number;
  readonly replyMs: number;
  /** The request gets there, the answer does not come back: the connection broke after this many milliseconds. */
  readonly loseReplyAfterMs?: number;
  /** Nothing is carried out until it is resumed. */
  readonly stopped?: boolean;
  /** Every request fails at once, as with a refused connection. */
  readonly down?: boolean;
  /** What it tells of resources that may be free gets lost. */
  readonly mute?: boolean;
  /** There is no connection for what it tells. */
  readonly deaf?: boolean;
}

/** A voter behind a network, in virtual time: real in-memory semantics, with delays and faults on the way. */
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

  /** What is told takes its time, and is lost while the node is down or stopped, or where a test says so. */
  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    const hear = (resource: string | undefined): void => {
      if (
        !this.#releaseListeners.has(waiter) ||
        this.behaviour.down ||
        this.behaviour.stopped ||
        this.behaviour.mute
      )
        return;
      void this.#pass(this.behaviour.replyMs).then(() => listener(resource));
    };
    this.#releaseListeners.set(waiter, hear);
    const own = this.#memory.onRelease(waiter, hear);
    const isOpen = (): boolean => !this.behaviour.down && this.behaviour.deaf !== true;
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

  inspect: LockNode['inspect'] = (resources) => this.#memory.inspect(resources);

  onStateChange(listener: (state: NodeState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  look(): Promise<void> {
    return Promise.resolve();
  }

  trust(): Promise<void> {
    this.become({ status: 'ready' });
    return Promise.resolve();
  }

  recordLoss(): Promise<void> {
    this.become({ status: 'untrusted', reason: 'it lost its memory' });
    return Promise.resolve();
  }

  recordMembers(): Promise<void> {
    return Promise.resolve();
  }

  quarantine(reason: string): void {
    this.become({ ...this.#state, status: 'untrusted', reason });
  }

  markMisconfigured(reason: string): void {
    this.become({ status: 'misconfigured', reason });
  }

  close(): Promise<void> {
    this.become({ status: 'closed' });
    return Promise.resolve();
  }

  become(state: NodeState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  stop(): void {
    this.behaviour = { ...this.behaviour, stopped: true };
  }

  /** Carries out what has come in meanwhile, in order. */
  resume(): void {
    this.behaviour = { ...this.behaviour, stopped: false };
    for (const carryOut of this.#waiting.splice(0)) carryOut();
  }

  down(): void {
    this.behaviour = { ...this.behaviour, down: true };
    this.become({ status: 'unreachable', reason: 'connection refused' });
  }

  up({ keepData = true } = {}): void {
    this.behaviour = { ...this.behaviour, down: false };
    if (!keepData) this.loseData();
    this.become({ status: 'ready' });
  }

  loseData(): void {
    this.#memory = new MemoryNode(this.name, this.clock);
    for (const [waiter, hear] of this.#releaseListeners) this.#memory.onRelease(waiter, hear);
  }

  /** Who holds the resource here, as the node itself sees it. */
  async owner(resource: string): Promise<string | undefined> {
    const [answer] = await this.#memory.inspect([resource]);
    return answer?.kind === 'inspected' ? answer.owner : undefined;
  }

  /** How long the key lives here. */
  async remainingMs(resource: string): Promise<number> {
    const [answer] = await this.#memory.inspect([resource]);
    return answer?.kind === 'inspected' ? answer.remainingMs : 0;
  }

  /** How many requests are on their way, there or back. */
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
    const answer = await voteOf(this.#memory, request);
    const vote = this.#state.status === 'untrusted' ? this.#withoutVote(op, answer) : answer;
    this.log.push({ op, holderId, vote, at: this.clock.now() });
    if (loseReplyAfterMs !== undefined) {
      await this.#pass(loseReplyAfterMs);
      return failed('disconnected', new Error('connection lost'));
    }
    await this.#pass(replyMs);
    return vote;
  }

  #withoutVote(op: NodeRequest['op'], answer: Vote): Vote {
    if (answer.kind === 'refused') return { ...answer, untrusted: true };
    const isWorthNothing = answer.kind === 'granted' && op !== 'release';
    return isWorthNothing ? failed('untrusted', new Error(this.#state.reason)) : answer;
  }

  #pass(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(resolve, delayMs));
  }
}
