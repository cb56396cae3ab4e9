import type { Vote } from '../../src/core/vote.js';
import type {
  AcquireRequest,
  ConfirmRequest,
  ExtendRequest,
  LockNode,
  NodeInspection,
  NodeRequest,
  ReleaseRequest,
} from '../../src/node/lock-node.js';
import { voteOf } from '../support/vote-of.js';

/** One kind of node, as the contract suite needs it. A fresh node for each test, or a shared one: resources never repeat. */
export interface Subject {
  readonly node: LockNode;
  /** The clock of deadlines. */
  now(): number;
  /** Lets the lock key of the resource expire, and nothing else of it. */
  expire(resource: string): Promise<void>;
  end(): Promise<void>;
}

export type MakeSubject = () => Promise<Subject>;

/** Longer than any test; what must not expire lives as long. */
export const LONG_MS = 60_000;

export const wallUs = (): number => Date.now() * 1_000;

let made = 0;
let tag = '';

/** Begins a test. `tagged`: all resources of one test have a hash tag in common, so that a Cluster has them in one slot. */
export const beginResources = (tagged: boolean): void => {
  tag = tagged ? `{test:${process.pid}:${++made}}:` : '';
};

/** A resource that no other test uses. */
export const freshResource = (): string => `${tag}resource:${process.pid}:${++made}`;

/** Single operations in few words: everything that a claim does not speak of has a harmless default. */
export class Operations {
  constructor(readonly subject: Subject) {}

  acquireRequest(request: Partial<AcquireRequest> & Pick<AcquireRequest, 'resources'>): AcquireRequest {
    return {
      op: 'acquire',
      holderId: 'anna',
      ttlMs: LONG_MS,
      deadlineAt: this.subject.now() + LONG_MS,
      seed: wallUs(),
      tick: undefined,
      tokens: 1,
      ...request,
    };
  }

  confirmRequest(
    request: Partial<ConfirmRequest> & Pick<ConfirmRequest, 'resources' | 'token'>,
  ): ConfirmRequest {
    const deadlineAt = this.subject.now() + LONG_MS;
    return { op: 'confirm', holderId: 'anna', deadlineAt, tick: undefined, ...request };
  }

  extendRequest(request: Partial<ExtendRequest> & Pick<ExtendRequest, 'resources' | 'token'>): ExtendRequest {
    const deadlineAt = this.subject.now() + LONG_MS;
    const maxCounter = request.token;
    return { op: 'extend', holderId: 'anna', ttlMs: LONG_MS, deadlineAt, maxCounter, ...request };
  }

  releaseRequest(request: Partial<ReleaseRequest> & Pick<ReleaseRequest, 'resources'>): ReleaseRequest {
    return { op: 'release', holderId: 'anna', keepMs: 0, ...request };
  }

  ask(request: NodeRequest): Promise<Vote> {
    return voteOf(this.subject.node, request);
  }

  /** What is asked at once goes together. */
  askAll(requests: readonly NodeRequest[]): Promise<Vote[]> {
    return Promise.all(requests.map((request) => this.ask(request)));
  }

  acquire(request: Parameters<Operations['acquireRequest']>[0]): Promise<Vote> {
    return this.ask(this.acquireRequest(request));
  }

  confirm(request: Parameters<Operations['confirmRequest']>[0]): Promise<Vote> {
    return this.ask(this.confirmRequest(request));
  }

  extend(request: Parameters<Operations['extendRequest']>[0]): Promise<Vote> {
    return this.ask(this.extendRequest(request));
  }

  release(request: Parameters<Operations['releaseRequest']>[0]): Promise<Vote> {
    return this.ask(this.releaseRequest(request));
  }

  wake(resources: readonly string[]): Promise<Vote> {
    return this.ask({ op: 'wake', resources, holderId: '' });
  }

  async inspect(resource: string): Promise<NodeInspection> {
    const answer = await only(this.subject.node.inspect([resource]));
    if (answer.kind === 'failed') throw answer.cause;
    return answer;
  }

  /** Acquires, and gives the counter of the grant. */
  async granted(request: Parameters<Operations['acquireRequest']>[0]): Promise<number> {
    const vote = await this.acquire(request);
    if (vote.kind !== 'granted') throw new Error(`not granted but ${JSON.stringify(vote)}`);
    return vote.counter;
  }
}

async function only<T>(answers: Promise<readonly T[]>): Promise<T> {
  const [answer, ...more] = await answers;
  if (answer === undefined || more.length > 0) throw new Error('one request has one answer');
  return answer;
}
