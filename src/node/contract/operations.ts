import type { Vote } from '../../core/vote.js';
import type { LockNode, NodeInspection } from '../lock-node.js';
import type {
  AcquireRequest,
  ConfirmRequest,
  ExtendRequest,
  NodeRequest,
  ReleaseRequest,
} from '../node-request.js';
import { until } from './assertions.js';
import type { NodeUnderTest } from './subject.js';

/** Longer than any case takes, in milliseconds: what must not expire lives as long. */
export const LONG_MS = 60_000;

export const wallUs = (): number => Date.now() * 1_000;

/** A node's vote on a request, as a promise. */
export const voteOf = (node: Pick<LockNode, 'ask'>, request: NodeRequest): Promise<Vote> =>
  new Promise((resolve) => node.ask(request, { receive: (_, vote) => resolve(vote) }, 0));

/** A request that names only what a case is about. Everything else has a harmless default. */
type About<Request extends NodeRequest, Needed extends keyof Request = never> = Partial<Request> &
  Pick<Request, 'resources' | Needed>;

/** The node of one case, with its operations in few words. */
export class Operations {
  readonly node: LockNode;
  #made = 0;

  /** `prefix`: what the names of the case's resources begin with. */
  constructor(
    private readonly underTest: NodeUnderTest,
    private readonly prefix: string,
  ) {
    this.node = underTest.node;
  }

  now(): number {
    return this.underTest.now?.() ?? performance.now();
  }

  /** A resource that no other case uses. */
  resource(): string {
    return `${this.prefix}:${++this.#made}`;
  }

  async expire(resource: string): Promise<void> {
    if (this.underTest.expire !== undefined) return this.underTest.expire(resource);
    await until(async () => (await this.inspect(resource)).owner === undefined, 'the key to expire');
  }

  end(): Promise<void> {
    return this.underTest.end?.() ?? this.node.close();
  }

  acquireRequest(about: About<AcquireRequest>): AcquireRequest {
    return {
      op: 'acquire',
      holderId: 'anna',
      ttlMs: LONG_MS,
      deadlineAt: this.now() + LONG_MS,
      seed: wallUs(),
      tick: undefined,
      tokens: 1,
      ...about,
    };
  }

  confirmRequest(about: About<ConfirmRequest, 'token'>): ConfirmRequest {
    const deadlineAt = this.now() + LONG_MS;
    return { op: 'confirm', holderId: 'anna', deadlineAt, tick: undefined, ...about };
  }

  extendRequest(about: About<ExtendRequest, 'token'>): ExtendRequest {
    const deadlineAt = this.now() + LONG_MS;
    const maxCounter = about.token;
    return { op: 'extend', holderId: 'anna', ttlMs: LONG_MS, deadlineAt, maxCounter, ...about };
  }

  releaseRequest(about: About<ReleaseRequest>): ReleaseRequest {
    return { op: 'release', holderId: 'anna', keepMs: 0, ...about };
  }

  ask(request: NodeRequest): Promise<Vote> {
    return voteOf(this.node, request);
  }

  /** Asks all requests in one turn. */
  askAll(requests: readonly NodeRequest[]): Promise<Vote[]> {
    return Promise.all(requests.map((request) => this.ask(request)));
  }

  acquire(about: About<AcquireRequest>): Promise<Vote> {
    return this.ask(this.acquireRequest(about));
  }

  confirm(about: About<ConfirmRequest, 'token'>): Promise<Vote> {
    return this.ask(this.confirmRequest(about));
  }

  extend(about: About<ExtendRequest, 'token'>): Promise<Vote> {
    return this.ask(this.extendRequest(about));
  }

  release(about: About<ReleaseRequest>): Promise<Vote> {
    return this.ask(this.releaseRequest(about));
  }

  wake(resources: readonly string[], waiter = ''): Promise<Vote> {
    return this.ask({ op: 'wake', resources, holderId: waiter });
  }

  async inspect(resource: string): Promise<NodeInspection> {
    const [answer, ...more] = await this.node.inspect([resource]);
    if (answer === undefined || more.length > 0) throw new Error('one resource must have one inspection');
    if (answer.kind === 'failed') throw answer.cause;
    return answer;
  }

  /** What the node keeps of the resource's runs. */
  async history(resource: string): Promise<readonly string[]> {
    const answer = (await this.node.history?.(resource)) ?? [];
    if ('kind' in answer) throw answer.cause;
    return answer;
  }

  /** Acquires, and gives the counter of the grant. */
  async granted(about: About<AcquireRequest>): Promise<number> {
    const vote = await this.acquire(about);
    if (vote.kind !== 'granted') throw new Error(`not granted but ${JSON.stringify(vote)}`);
    return vote.counter;
  }
}

/** Claims about a node, by their titles. */
export type Cases = Readonly<Record<string, (on: Operations) => Promise<void>>>;
