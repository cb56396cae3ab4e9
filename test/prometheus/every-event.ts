import type { LockEvent } from '../../src/index.js';

const call = { id: 1, name: 'report', resources: ['report'] };
const lease = { ...call, token: 7 };
const tick = { name: 'report', resources: ['report'], tick: 1_700_000_000_000, attempt: 1, worker: 'a:1' };
const run = { ...lease, ...tick, latenessMs: 3 };

/** At least one event of each type, in a possible order. */
export const everyEvent: readonly LockEvent[] = [
  { type: 'declared', name: 'report' },
  { type: 'node', node: { name: 'a:6379', status: 'ready' } },
  { type: 'quorum', atStart: true, quorum: { ready: 3, needed: 2, nodes: 3, reached: true } },
  { type: 'fallback', active: true, reason: 'no majority of the nodes can be reached' },
  { type: 'stalled', delayMs: 1_500 },
  { type: 'vote', id: 1, node: 'a:6379', op: 'acquire', vote: 'granted', durationMs: 1 },
  { ...call, type: 'acquiring' },
  { ...lease, type: 'acquired', attempts: 1, durationMs: 4, fallback: false },
  { ...lease, type: 'extended', outcome: 'extended', headroomMs: 20_000, ttlMs: 30_000 },
  { ...lease, type: 'released', heldMs: 2_000, acknowledged: 3 },
  {
    name: 'report',
    resources: ['report'],
    type: 'schedule',
    nextTick: 1_700_000_000_000,
    lastTick: 1_699_996_400_000,
    lastSuccess: 1_699_996_402_000,
  },
  {
    name: 'force-release',
    resources: ['report'],
    type: 'force_released',
    holder: 'a:1',
    reason: 'hangs',
    worker: 'b:1',
  },
  { ...run, type: 'run_started' },
  { ...run, type: 'run_overrun', nextTick: 1_700_003_600_000 },
  { ...run, type: 'run_finished', outcome: 'succeeded', durationMs: 2_000, nextTick: 1_700_003_600_000 },
  { ...lease, type: 'manual_run', worker: 'a:1', outcome: 'failed', durationMs: 2_000 },
  { ...tick, type: 'tick_missed', reason: 'too_late' },
  { ...tick, type: 'tick_abandoned', reason: 'retried' },
  { name: 'report', resources: ['report'], type: 'candidate', worker: 'a:1' },
  { ...lease, type: 'elected', worker: 'a:1' },
  { ...lease, type: 'deposed', worker: 'a:1', reason: 'resigned', ledMs: 2_000 },
  { ...call, type: 'waiting' },
  { ...call, type: 'waited', durationMs: 102 },
  { ...lease, type: 'acquired', attempts: 2, durationMs: 104, fallback: false },
  { ...lease, type: 'lost', heldMs: 90_000, reason: 'unreachable' },
  { ...lease, type: 'acquired', attempts: 1, durationMs: 3, fallback: false },
  { ...lease, type: 'transferred', heldMs: 500 },
  { ...call, type: 'skipped', reason: 'held', owner: 'b:1', durationMs: 2 },
  {
    ...call,
    type: 'failed',
    reason: 'unreachable',
    error: new Error('no majority'),
    durationMs: 250,
  },
  { ...call, type: 'aborted', durationMs: 1_500 },
];
