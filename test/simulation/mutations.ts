import type { NetworkFlaw } from './network.js';
import type { ScriptFlaw } from './script-model.js';
import type { Settings } from './settings.js';
import type { Invariant } from './violation.js';

/** A piece of a source file, to be there exactly once, and what to read in its place. */
export interface Edit {
  /** Below src. */
  readonly file: string;
  readonly original: string;
  readonly replacement: string;
}

/** One way of getting the algorithm wrong: in a source, in the script, or on the way. */
export interface Mutation {
  readonly name: string;
  readonly edits?: readonly Edit[];
  readonly flaw?: ScriptFlaw;
  readonly networkFlaw?: NetworkFlaw;
  /** The worlds in which it shows; without, all. */
  readonly worlds?: Worlds;
  /** A world in which it showed, to be tried first; the others follow. */
  readonly likely?: number;
  /** What the simulation has to find broken; any of them. */
  readonly breaks: readonly Invariant[];
}

/**
 * Some mistakes show only in states that seldom come about by chance. These worlds bring them about more often. What is
 * found in them counts because the unchanged algorithm lives through the same worlds without harm.
 */
export const WORLDS = {
  /** Connections and nodes that fail between the two phases of an acquisition. */
  rough: {
    nodes: 3,
    clients: 4,
    resources: ['a'],
    cronResources: [],
    faults: ['link reset', 'link block', 'node stop'],
    stormMs: 15,
    longestFaultMs: 120,
    ttlsMs: [150],
    idleMs: 50,
    latency: { leastMs: 1, meanJitterMs: 4, resendChance: 0 },
  },
  /** Machines that sleep under their leases, and others that get the lock meanwhile. */
  asleep: {
    nodes: 3,
    clients: 4,
    driftFactor: 0.01,
    resources: ['a'],
    cronResources: [],
    faults: ['process suspend'],
    stormMs: 60,
    longestFaultMs: 600,
    ttlsMs: [100],
    idleMs: 50,
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
  /**
   * Clocks of nodes that go several times too fast, far beyond the promise, and no trust. Two may hold a lock at once, but
   * the later holder's token is the higher one all the same.
   */
  hasty: {
    nodes: 3,
    clients: 4,
    fastNodes: 12,
    restartQuarantine: 'off',
    resources: ['a'],
    cronResources: [],
    faults: ['link slow'],
    stormMs: 8,
    longestFaultMs: 300,
    ttlsMs: [150],
    idleMs: 20,
    latency: { leastMs: 0.3, meanJitterMs: 0.3, resendChance: 0 },
  },
  /** Nodes that come back with old data as often as the promise allows. */
  restored: {
    nodes: 3,
    durable: false,
    maxTtlMs: 300,
    ttlsMs: [100, 300],
    idleMs: 100,
    resources: ['a'],
    cronResources: [],
    faults: ['data stale', 'node stop', 'link block'],
    stormMs: 100,
    wallSkewMs: 2,
    nodeSkewMs: 0,
  },
  /** Nodes that are emptied as often as the promise allows, and workers that come late for their ticks. */
  forgetful: {
    nodes: 3,
    durable: false,
    maxTtlMs: 300,
    ttlsMs: [100, 300],
    resources: ['a'],
    cronResources: ['cron-1'],
    cronPeriodMs: 1_000,
    driftFactor: 0.01,
    faults: ['data flushed', 'process stop', 'link block'],
    stormMs: 100,
    wallSkewMs: 2,
    nodeSkewMs: 0,
    wallStepMs: 100,
  },
  /** Workers that stand still between the two phases, while ticks go by. */
  sleepy: {
    nodes: 3,
    resources: ['a'],
    cronResources: ['cron-1'],
    cronPeriodMs: 300,
    wallSkewMs: 200,
    ttlsMs: [60, 100],
    faults: ['process stop'],
    stormMs: 20,
    latency: { leastMs: 2, meanJitterMs: 6, resendChance: 0 },
  },
  /** Processes with many workers that wait in line for the same, and hold it shortly. */
  crowded: {
    nodes: 3,
    clients: 3,
    workers: [4, 8],
    patient: true,
    resources: ['a'],
    cronResources: [],
    driftFactor: 0.01,
    faults: ['process suspend', 'link reset', 'process crash'],
    stormMs: 100,
    longestFaultMs: 900,
    ttlsMs: [400],
    idleMs: 20,
    latency: { leastMs: 0.3, meanJitterMs: 0.3, resendChance: 0 },
  },
  /** Workers that fire on the same millisecond, all day. */
  punctual: {
    nodes: 3,
    clients: 4,
    driftFactor: 0,
    cronPeriodMs: 1_000,
    wallSkewMs: 1,
    faults: [],
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
} as const satisfies Record<string, Partial<Settings>>;

export type Worlds = keyof typeof WORLDS;

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'no quarantine',
    edits: [
      {
        file: 'node/redis/redis-node.ts',
        original: "quarantine !== undefined && vote.kind === 'granted'",
        replacement: "quarantine === LATE && vote.kind === 'granted'",
      },
    ],
    worlds: 'forgetful',
    likely: 1,
    breaks: ['one holder', 'tokens grow', 'one run per tick'],
  },
  {
    name: 'no confirm',
    edits: [
      {
        file: 'lock/acquire/acquire-round.ts',
        original: 'if (token !== undefined && (tick !== undefined || !agreeOn(token, decidingGrants))) {',
        replacement: 'if (token === -1 && (tick !== undefined || !agreeOn(token, decidingGrants))) {',
      },
    ],
    breaks: ['one run per tick', 'tokens grow'],
  },
  {
    name: 'no confirm where the counters differ',
    edits: [
      {
        file: 'lock/acquire/acquire-round.ts',
        original: 'if (token !== undefined && (tick !== undefined || !agreeOn(token, decidingGrants))) {',
        replacement: 'if (token !== undefined && (tick !== undefined || agreeOn(-1, decidingGrants))) {',
      },
    ],
    breaks: ['tokens grow'],
  },
  {
    name: 'confirm without ownership',
    flaw: 'confirm without ownership',
    worlds: 'sleepy',
    likely: 4,
    breaks: ['one run per tick', 'tokens grow'],
  },
  {
    name: 'a counter above the token counted',
    edits: [
      {
        file: 'lock/quorum/quorum.ts',
        original: 'if (counter > token)',
        replacement: 'if (counter > Number.MAX_VALUE)',
      },
    ],
    flaw: 'counter above the token',
    worlds: 'hasty',
    likely: 95,
    breaks: ['tokens grow'],
  },
  {
    name: 'refused nodes counted as confirmed',
    edits: [
      {
        file: 'lock/quorum/quorum.ts',
        original: "if (vote.kind !== 'granted') return call.receive(nodeIndex, vote);",
        replacement:
          "if (vote.kind !== 'granted') return call.receive(nodeIndex, { kind: 'granted', counter: token });",
      },
    ],
    worlds: 'rough',
    likely: 16,
    breaks: ['one run per tick', 'tokens grow'],
  },
  {
    name: 'one token for all leases that follow on a grant',
    edits: [
      {
        file: 'lock/lease/held-keys.ts',
        original: 'this.#firstToken === undefined ? undefined : this.#firstToken + this.#run.leases;',
        replacement: 'this.#firstToken === undefined ? undefined : this.#lastToken;',
      },
    ],
    worlds: 'crowded',
    breaks: ['tokens grow'],
  },
  {
    name: 'a range of tokens that the node counts as one',
    flaw: 'a range counted as one',
    worlds: 'crowded',
    breaks: ['tokens grow'],
  },
  {
    name: 'a lease handed on after its end',
    edits: [
      {
        file: 'core/local-handover.ts',
        original: 'validityLeftMs(grant, now) >=',
        replacement: 'monotonicValidityLeftMs(grant, now.monotonicMs) >=',
      },
      {
        file: 'core/local-handover.ts',
        original: 'import { monotonicValidityLeftMs, validityLeftMs, type Grant',
        replacement: 'import { monotonicValidityLeftMs, type Grant',
      },
    ],
    worlds: 'crowded',
    likely: 8,
    breaks: ['tokens grow'],
  },
  { name: 'counter seeded with 0', flaw: 'counter seeded with 0', breaks: ['tokens grow'] },
  {
    name: 'an old counter believed',
    flaw: 'old counter believed',
    worlds: 'restored',
    likely: 8,
    breaks: ['tokens grow'],
  },
  {
    name: 'ticks granted by nodes that may have forgotten them',
    flaw: 'forgotten ticks granted',
    worlds: 'forgetful',
    likely: 7,
    breaks: ['one run per tick'],
  },
  {
    name: 'an acquire executed twice',
    flaw: 'no deadline',
    networkFlaw: 'requests sent twice',
    breaks: ['nothing left behind', 'no tick lost'],
  },
  {
    name: 'a quorum of N/2',
    edits: [
      {
        file: 'core/quorum.ts',
        original: 'Math.floor(nodeCount / 2) + 1',
        replacement: 'Math.ceil(nodeCount / 2) - (nodeCount % 2)',
      },
    ],
    breaks: ['one holder', 'validity within the keys'],
  },
  {
    name: 'validity stamped at the reply',
    edits: [
      {
        file: 'lock/acquire/acquire-round.ts',
        original: "return { kind: 'won', quorum, request, tracker, token, grant, othersWait };",
        replacement:
          "return { kind: 'won', quorum, request, tracker, token, grant: { ...grant, sentAt: clock.stamp() }, othersWait };",
      },
    ],
    breaks: ['validity within the keys'],
  },
  {
    name: 'an extension that re-creates',
    flaw: 'extension re-creates',
    worlds: 'asleep',
    likely: 2,
    breaks: ['one holder'],
  },
  {
    name: 'lost keys set again after a sleep, without a proof',
    edits: [
      {
        file: 'lock/lease/held-keys.ts',
        original: 'this.#listener !== undefined && this.remainingMs > 0;',
        replacement: 'this.#listener !== undefined;',
      },
      {
        file: 'lock/lease/held-keys.ts',
        original: '!(this.#restoredWithoutQuorum && headroomMs <= 0)',
        replacement: '!(this.#restoredWithoutQuorum && headroomMs === undefined)',
      },
    ],
    worlds: 'asleep',
    likely: 81,
    breaks: ['one holder', 'tokens grow'],
  },
  { name: 'an extension that shortens', flaw: 'extension shortens', breaks: ['validity within the keys'] },
  {
    name: 'the wall clock in place of the monotonic one',
    edits: [
      {
        file: 'core/validity.ts',
        original: 'Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs)',
        replacement: 'now.wallMs - since.wallMs',
      },
    ],
    breaks: ['validity within the keys', 'one holder'],
  },
  {
    name: 'release without comparing',
    flaw: 'release without comparing',
    breaks: ['one holder', 'validity within the keys'],
  },
  {
    name: 'one holder id for all attempts',
    edits: [
      {
        file: 'lock/acquirer.ts',
        original: '() => newHolderId(options.holder)',
        replacement: '(() => { const one = newHolderId(options.holder); return () => one; })()',
      },
    ],
    breaks: ['one holder', 'validity within the keys'],
  },
  {
    name: 'a tick recorded without ownership',
    flaw: 'tick without ownership',
    worlds: 'sleepy',
    likely: 28,
    breaks: ['no tick lost', 'one run per tick'],
  },
  {
    name: 'split votes reported as held',
    edits: [
      {
        file: 'lock/acquire/attempt.ts',
        original: "if (outcome.kind !== 'contended' || look === LOOKS || isCancelled()) {",
        replacement: "if (outcome.kind !== 'contended' || look === 0 || isCancelled()) {",
      },
    ],
    worlds: 'punctual',
    breaks: ['no tick lost'],
  },
  {
    name: 'no room for drift',
    edits: [
      {
        file: 'core/validity.ts',
        original: 'Math.ceil(ttlMs * driftFactor) + 2',
        replacement: '0 * driftFactor * ttlMs',
      },
    ],
    breaks: ['validity within the keys'],
  },
  {
    name: 'late grants not given back',
    edits: [
      {
        file: 'lock/quorum/key-tracker.ts',
        original: 'return this.#nodes[nodeIndex]! >= MAY_BE_THERE;',
        replacement: 'return (this.#nodes[nodeIndex]! & MAY_BE_THERE) !== 0;',
      },
    ],
    breaks: ['nothing left behind'],
  },
  {
    name: 'a loss told at the end of validity, not before',
    edits: [
      {
        file: 'core/extension-schedule.ts',
        original: 'Math.min(LONGEST_LOSS_MARGIN_MS, ttlMs * LOSS_MARGIN)',
        replacement: '-Math.min(LONGEST_LOSS_MARGIN_MS, ttlMs * LOSS_MARGIN)',
      },
    ],
    breaks: ['loss told in time'],
  },
  {
    name: 'success reported under a lost lease',
    edits: [
      {
        file: 'lock/lock-manager.ts',
        original: 'if (lease.signal.aborted) throw lease.signal.reason;',
        replacement: '',
      },
      {
        file: 'lock/lock-manager.ts',
        original: '      lease.assertHeld();\n      return result;',
        replacement: '      return result;',
      },
    ],
    breaks: ['withLock tells what was'],
  },
  {
    name: "a routine's error hidden by the loss of its lease",
    edits: [
      {
        file: 'lock/lock-manager.ts',
        original: '    } finally {\n      await lease.release();',
        replacement: '    } finally {\n      lease.assertHeld();\n      await lease.release();',
      },
    ],
    likely: 2,
    breaks: ['withLock tells what was'],
  },
];
