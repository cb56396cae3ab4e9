import type { Clock } from '../clock.js';
import { memoryNode } from '../index.js';
import type { Failed, Vote } from '../core/vote.js';
import type { LockNode, NodeInspection, ReleaseListener, VoteReceiver } from '../node/lock-node.js';
import type { NodeRequest } from '../node/node-request.js';
import type { NodeState } from '../node/node-state.js';
import { ObservableState } from '../node/observable-state.js';

const failed = (reason: Failed['reason'], message: string): Failed => ({
  kind: 'failed',
  reason,
  cause: new Error(message),
});

const unreachableVote = (): Failed => failed('unreachable', 'the test made it unreachable');

/** A node in memory that a test can cut off, and put into quarantine. */
export class TestNode implements LockNode {
  readonly #memory: LockNode;
  readonly #state = new ObservableState({ status: 'ready' });

  constructor(
    readonly name: string,
    clock: Clock,
  ) {
    this.#memory = memoryNode({ name, clock });
  }

  get address(): string {
    return this.name;
  }

  get state(): NodeState {
    return this.#state.state;
  }

  set state(state: NodeState) {
    this.#state.set(state);
  }

  onStateChange(listener: (state: NodeState) => void): () => void {
    return this.#state.onChange(listener);
  }

  ask(request: NodeRequest, receiver: VoteReceiver, nodeIndex: number): void {
    const { status, reason } = this.state;
    if (status === 'unreachable')
      return void Promise.resolve().then(() => receiver.receive(nodeIndex, unreachableVote()));
    if (status !== 'untrusted') return this.#memory.ask(request, receiver, nodeIndex);
    const receive = (_: number, vote: Vote): void =>
      receiver.receive(nodeIndex, withoutGrant(request, vote, reason));
    return this.#memory.ask(request, { receive }, nodeIndex);
  }

  inspect(resources: readonly string[]): ReturnType<LockNode['inspect']> {
    return this.state.status === 'unreachable'
      ? Promise.resolve(resources.map(unreachableVote))
      : this.#memory.inspect(resources);
  }

  history(resource: string): Promise<readonly string[] | Failed> {
    return this.state.status === 'unreachable'
      ? Promise.resolve(unreachableVote())
      : this.#memory.history!(resource);
  }

  onRelease(waiter: string, listener: (resource: string | undefined) => void): ReleaseListener {
    const isReached = (): boolean => this.state.status !== 'unreachable';
    const inner = this.#memory.onRelease?.(waiter, (resource) => {
      if (isReached()) listener(resource);
    });
    // What was missed meanwhile is unknown.
    const stop = this.onStateChange(() => {
      if (isReached()) listener(undefined);
    });
    return {
      get open() {
        return isReached();
      },
      close: () => {
        stop();
        inner?.close();
      },
    };
  }

  /** Nothing to end. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The vote on a request of another worker, which reaches the node whatever its state is. */
  voteForOther(request: NodeRequest): Promise<Vote> {
    return new Promise((resolve) => {
      this.#memory.ask(request, { receive: (_, vote) => resolve(vote) }, 0);
    });
  }

  /** What another worker sees, whatever the state is. */
  async inspectForOther(resource: string): Promise<NodeInspection> {
    const [found] = await this.#memory.inspect([resource]);
    if (found?.kind !== 'inspected') throw new Error(`${this.name} does not know ${resource}`);
    return found;
  }
}

/** What a node in quarantine says: its grants do not count, apart from those of a release. */
function withoutGrant({ op }: NodeRequest, vote: Vote, reason = 'the node is in quarantine'): Vote {
  if (vote.kind === 'refused') return { ...vote, untrusted: true };
  return vote.kind === 'granted' && op !== 'release' ? failed('untrusted', reason) : vote;
}
