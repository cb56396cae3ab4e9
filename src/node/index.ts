/**
 * `quorlock/node`: what it takes to write a new kind of node. Implement `LockNode`, run the cases of
 * `lockNodeContract` in your tests, and give the node to `nodes` of a `LockManager`.
 */
export { TICK_AHEAD_MS, type RunMark, type RunRecord, type RunState } from '../core/run.js';
export type { RunNote } from '../core/run-history.js';
export { failed, type Failed, type FailureReason, type Granted } from '../core/vote.js';
export type { Refused, RefusalReason, Vote } from '../core/vote.js';
export type { LockNode, NodeInspection, ReleaseListener, VoteReceiver } from './lock-node.js';
export type { NodeMemory, RecordWrite } from './node-memory.js';
export {
  PRESENT_ONLY,
  type AcquireRequest,
  type ConfirmRequest,
  type ExtendRequest,
  type LockMode,
  type NodeRequest,
  type QueueEntry,
  type ReleaseRequest,
  type WakeRequest,
} from './node-request.js';
export type { NodeRecord, NodeState } from './node-state.js';
export type { ListPair, Member, MemberList } from '../core/membership/member-list.js';
export { ObservableState } from './observable-state.js';
export {
  historyIn,
  inspectRecord,
  voteOn,
  type NodeClocks,
  type ResourceRecord,
  type ResourceStore,
} from './vote-rules.js';
export { lockNodeContract } from './contract/contract.js';
export type { ContractCase, ContractSubject, NodePart, NodeUnderTest } from './contract/subject.js';
