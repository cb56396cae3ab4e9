import type { LockNode } from '../lock-node.js';

/** A kind of node, as the contract suite needs it. */
export interface ContractSubject {
  /**
   * Opens a node for one case. It may be a new node each time, the same node, or a new node over the same
   * data: the suite never uses a resource twice.
   */
  open(): Promise<NodeUnderTest>;
  /**
   * The optional parts that the node has. Only their cases are listed, and one case checks that the list is
   * right.
   * @default none
   */
  readonly parts?: readonly NodePart[];
  /**
   * Whether the resources of a case share a hash tag, which a Redis Cluster needs.
   * @default false
   */
  readonly hashTag?: boolean;
  /** Makes the node lose its data. The cases about lost memory are listed if the subject can do this. */
  readonly forget?: (node: LockNode) => Promise<void>;
}

export type NodePart = 'memory' | 'onRelease' | 'withdraw' | 'markMisconfigured' | 'history';

/** The node of one case. */
export interface NodeUnderTest {
  /** A node that is `ready`, or will be soon. */
  readonly node: LockNode;
  /**
   * The clock of deadlines, in milliseconds.
   * @default performance.now
   */
  now?(): number;
  /**
   * Lets the key of the resource expire, and nothing else. The key has at most 20 ms to live.
   * @default waits until it has expired
   */
  expire?(resource: string): Promise<void>;
  /**
   * Ends the case.
   * @default closes the node
   */
  end?(): Promise<void>;
}

/** One claim about the node, to be run by any test runner. */
export interface ContractCase {
  /** A sentence that says what a node does. */
  readonly title: string;
  /** Opens a node and tries the claim. Rejects with an AssertionError if it does not hold. */
  run(): Promise<void>;
}
