export { LockManager } from './lock/lock-manager.js';
export type { Lease, LeaseJson, ReleaseOptions } from './api/lease.js';
export type { DeposedReason, Election, ElectionOptions, LeaderRun } from './api/election.js';
export type { Health } from './api/health.js';
export type { HealthStatus } from './core/health.js';
export type {
  CurrentRun,
  RunOnceOptions,
  RunPolicyOptions,
  RunResult,
  TickWatch,
  WatchTicksOptions,
} from './api/run.js';
export { tickSchedule } from './core/nominal-tick.js';
export type { NotRunReason, TickSchedule } from './core/run-policy.js';
export { currentRun } from './lock/runs/current-run.js';
export type { RunRoutine } from './lock/runs/run-body.js';
export type { ForceReleaseOptions } from './api/force-release.js';
export type { Inspection } from './api/inspection.js';
export type { Membership } from './api/membership.js';
export { LOCK_DEFAULTS } from './api/defaults.js';
export type { Acknowledgement, LockManagerOptions } from './api/manager-options.js';
export type { AcquireOptions, AdoptOptions, CloseOptions, LockOptions } from './api/options.js';
export {
  LeaseLostError,
  LockNotAcquiredError,
  LockError,
  LockManagerClosedError,
  QuorumUnreachableError,
  RunTimeoutError,
  type NodeVote,
} from './api/errors.js';
export type { LockEvent, LockListener, NodeSnapshot, QuorumSnapshot, RunOutcome } from './api/events.js';
export { currentLease } from './lock/lease/current-lease.js';
export { assertResource } from './lock/validation/resources.js';
export { assertRunOptions } from './lock/validation/run-options.js';
export { memoryNode, postgresMigration } from './node/open-node.js';
export type { LockNode } from './node/lock-node.js';
export type {
  Credential,
  NodeSource,
  PostgresClientLike,
  PostgresNodeOptions,
  PostgresPoolLike,
  RedisClusterOptions,
  GlideNodeOptions,
  NodeRedisClusterLike,
  NodeRedisSentinelOptions,
  NodeRedisSentinelPlace,
  NodeRedisLike,
  RedisLike,
  RedisNodeOptions,
} from './node/node-options.js';
export type { Backoff } from './core/backoff.js';
export type { RunRecord, RunState } from './core/run.js';
export type { PastRun } from './core/run-history.js';
export type { FailureReason, RefusalReason, Vote } from './core/vote.js';
export type { LossReason } from './core/lease-state.js';
