import type { NetworkFlaw } from './network.js';
import type { ScriptFlaw } from './script-model.js';
import type { Settings } from './settings.js';
import type { Invariant } from './violation.js';

/** A piece of a source file, which must occur exactly once, and its replacement. */
export interface Edit {
  /** The path below src. */
  readonly file: string;
  readonly original: string;
  readonly replacement: string;
}

/** A mistake in the algorithm: in a source, in the scripts, or in the network. */
export interface Mutation {
  readonly name: string;
  readonly edits?: readonly Edit[];
  readonly flaw?: ScriptFlaw;
  readonly networkFlaw?: NetworkFlaw;
  /** The worlds in which the mistake shows; by default the worlds of the seeds. */
  readonly worlds?: Worlds;
  /** A seed that showed the mistake. It is tried first, the others follow. */
  readonly likely?: number;
  /** The invariants that the mistake violates. One violation is enough. */
  readonly breaks: readonly Invariant[];
}

/** Few clients of short leases, whose workers run ticks. */
const TICKING = {
  nodes: 3,
  clients: 4,
  workers: [0, 0],
  driftFactor: 0.01,
  maxTtlMs: 400,
  resources: ['a'],
  cronResources: ['cron-1', 'cron-2'],
  nodeSkewMs: 0,
  wallStepMs: 100,
  durable: false,
} as const;

/**
 * Some mistakes show only in states that are rare by chance. In these worlds such states are common. Their
 * findings count because the unchanged algorithm passes in the same worlds.
 */
export const WORLDS = {
  /** Connections and nodes that fail between the two phases of an acquire. */
  'failing connections': {
    nodes: 3,
    clients: 4,
    resources: ['a'],
    cronResources: [],
    faults: ['link reset', 'link block', 'node stop'],
    faultIntervalMs: 15,
    longestFaultMs: 120,
    ttlsMs: [150],
    idleMs: 50,
    latency: { leastMs: 1, meanJitterMs: 4, resendChance: 0 },
  },
  /** Machines that are suspended while they hold leases, so that others get the lock. */
  'suspended machines': {
    nodes: 3,
    clients: 4,
    driftFactor: 0.01,
    resources: ['a'],
    cronResources: [],
    faults: ['process suspend'],
    faultIntervalMs: 60,
    longestFaultMs: 600,
    ttlsMs: [100],
    idleMs: 50,
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
  /**
   * Clocks of nodes that run several times too fast, far beyond the promise, without a quarantine. Two
   * clients may hold a lock at once, but the later holder still has the higher token.
   */
  'fast node clocks': {
    nodes: 3,
    clients: 4,
    fastNodes: 12,
    restartQuarantine: 'off',
    resources: ['a'],
    cronResources: [],
    faults: ['link slow'],
    faultIntervalMs: 8,
    longestFaultMs: 300,
    ttlsMs: [150],
    idleMs: 20,
    latency: { leastMs: 0.3, meanJitterMs: 0.3, resendChance: 0 },
  },
  /** Nodes that restart with old data as often as the promise allows. */
  'restored data': {
    nodes: 3,
    durable: false,
    maxTtlMs: 300,
    ttlsMs: [100, 300],
    idleMs: 100,
    resources: ['a'],
    cronResources: [],
    faults: ['data stale', 'node stop', 'link block'],
    faultIntervalMs: 100,
    wallSkewMs: 2,
    nodeSkewMs: 0,
  },
  /** Nodes that are flushed as often as the promise allows, and workers that are late for their ticks. */
  'flushed data': {
    nodes: 3,
    durable: false,
    maxTtlMs: 300,
    ttlsMs: [100, 300],
    resources: ['a'],
    cronResources: ['cron-1'],
    cronPeriodMs: 1_000,
    driftFactor: 0.01,
    faults: ['data flushed', 'process stop', 'link block'],
    faultIntervalMs: 100,
    wallSkewMs: 2,
    nodeSkewMs: 0,
    wallStepMs: 100,
  },
  /** Workers that are stopped between the two phases while ticks pass. */
  'stopped processes': {
    nodes: 3,
    resources: ['a'],
    cronResources: ['cron-1'],
    cronPeriodMs: 300,
    wallSkewMs: 200,
    ttlsMs: [60, 100],
    faults: ['process stop'],
    faultIntervalMs: 20,
    latency: { leastMs: 2, meanJitterMs: 6, resendChance: 0 },
  },
  /** Processes with many workers that wait for the same resource and hold it briefly. */
  'many waiters': {
    nodes: 3,
    clients: 3,
    workers: [4, 8],
    alwaysWaits: true,
    resources: ['a'],
    cronResources: [],
    driftFactor: 0.01,
    faults: ['process suspend', 'link reset', 'process crash'],
    faultIntervalMs: 100,
    longestFaultMs: 900,
    ttlsMs: [400],
    idleMs: 20,
    latency: { leastMs: 0.3, meanJitterMs: 0.3, resendChance: 0 },
  },
  /** Lists of nodes that change every few seconds, and clients that come with the list before or the next. */
  'changing lists': {
    nodes: 6,
    lists: [
      [0, 1, 2],
      [0, 1, 2, 3],
      [1, 2, 3],
      [1, 2, 3, 4],
      [2, 3, 4],
      [2, 3, 4, 5],
      [2, 3, 4],
      [2, 3, 4, 0],
    ],
    durable: false,
    clients: 4,
    maxTtlMs: 600,
    ttlsMs: [300, 600],
    idleMs: 30,
    resources: ['a'],
    cronResources: [],
    restartQuarantine: 'auto',
    faults: [
      'process crash',
      'process close',
      'process stop',
      'link block',
      'link slow',
      'data flushed',
      'data stale',
    ],
    faultIntervalMs: 150,
    longestFaultMs: 900,
    driftFactor: 0.01,
    nodeSkewMs: 0,
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
  /**
   * Nodes that lose their data one after the other, each as soon as the one before votes again, while leases
   * are out that live for longer than that takes.
   */
  'lifted quarantines': {
    nodes: 3,
    durable: false,
    losesWhenLifted: true,
    clients: 4,
    workers: [1, 2],
    maxTtlMs: 60_000,
    ttlsMs: [1_000, 20_000],
    idleMs: 100,
    resources: ['a', 'b', 'c'],
    cronResources: [],
    driftFactor: 0.01,
    faults: ['data flushed', 'data flushed', 'data stale', 'link block', 'link block', 'process crash'],
    faultIntervalMs: 600,
    shortestFaultMs: 2_000,
    longestFaultMs: 15_000,
    wallStepMs: 100,
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
  /** Addresses that lead to another node for a while, and clients that know the nodes by different names. */
  'misrouted addresses': {
    nodes: 3,
    hasSpellings: true,
    clients: 4,
    durable: false,
    maxTtlMs: 600,
    ttlsMs: [300, 600],
    idleMs: 200,
    resources: ['a'],
    cronResources: [],
    driftFactor: 0.01,
    faults: [
      'link misroute',
      'link misroute',
      'link block',
      'data flushed',
      'process crash',
      'process close',
    ],
    faultIntervalMs: 150,
    longestFaultMs: 2_000,
    nodeSkewMs: 0,
    wallStepMs: 100,
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
  /** Two of five clocks that are stepped at once, again and again. */
  'stepped clocks': {
    nodes: 5,
    clients: 3,
    maxTtlMs: 600,
    ttlsMs: [300, 600],
    idleMs: 200,
    resources: ['a'],
    cronResources: [],
    driftFactor: 0.01,
    faults: ['node clock step', 'process close', 'process crash', 'process suspend', 'link block'],
    faultIntervalMs: 80,
    longestFaultMs: 1_500,
    nodeSkewMs: 200,
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
  /** Clocks of workers that are stepped far while nodes lose their data. A tick may run late then. */
  'stepped workers': {
    nodes: 3,
    clients: 4,
    durable: false,
    maxTtlMs: 600,
    ttlsMs: [300, 600],
    idleMs: 200,
    resources: ['a'],
    cronResources: [],
    driftFactor: 0.01,
    faults: ['wall step', 'data lost', 'data stale', 'data flushed', 'link block', 'process stop'],
    faultIntervalMs: 80,
    longestFaultMs: 1_500,
    wallStepMs: 1e7,
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
  /** Workers that run ticks early, because their clocks are ahead, while nodes lose their data. */
  'workers ahead of time': {
    nodes: 3,
    clients: 4,
    workers: [0, 0],
    durable: false,
    maxTtlMs: 600,
    ttlsMs: [150, 300],
    resources: ['a'],
    cronResources: ['cron-1', 'cron-2'],
    cronPeriodMs: 1_500,
    driftFactor: 0.01,
    faults: ['wall step', 'wall step', 'data lost', 'data flushed', 'process crash'],
    faultIntervalMs: 150,
    longestFaultMs: 400,
    wallSkewMs: 20,
    nodeSkewMs: 0,
    wallStepMs: 1e7,
    tickAheadMs: 6_000,
    latency: { leastMs: 0.5, meanJitterMs: 2, resendChance: 0 },
  },
  /** Workers that fire in the same millisecond, again and again. */
  'simultaneous ticks': {
    nodes: 3,
    clients: 4,
    driftFactor: 0,
    cronPeriodMs: 1_000,
    wallSkewMs: 1,
    faults: [],
    latency: { leastMs: 0.3, meanJitterMs: 1, resendChance: 0 },
  },
  /** Workers that die at every step of a run, and others that run the tick again. */
  'dying workers': {
    ...TICKING,
    cronPeriodMs: 1_500,
    ttlsMs: [150, 300],
    wallSkewMs: 20,
    faults: ['link reset', 'link block', 'node stop', 'data lost', 'process stop'],
    faultIntervalMs: 150,
    longestFaultMs: 400,
    latency: { leastMs: 0.5, meanJitterMs: 2, resendChance: 0.02 },
    retry: true,
    deaths: 0.4,
  },
  /** The same where nobody runs a tick again: a claim that gives up takes its record back. */
  'dying workers, once': {
    ...TICKING,
    cronPeriodMs: 500,
    ttlsMs: [60, 150],
    wallSkewMs: 60,
    faults: ['link reset', 'link block', 'link slow', 'node stop', 'process stop'],
    faultIntervalMs: 30,
    longestFaultMs: 200,
    latency: { leastMs: 0.5, meanJitterMs: 4, resendChance: 0.02 },
    deaths: 0.2,
  },
  /** Connections that break in the middle of a claim, and are soon made anew. */
  'broken connections': {
    nodes: 3,
    clients: 4,
    workers: [0, 0],
    resources: ['a'],
    cronResources: ['cron-1', 'cron-2'],
    cronPeriodMs: 500,
    ttlsMs: [1_000],
    driftFactor: 0.01,
    wallSkewMs: 100,
    nodeSkewMs: 5,
    faults: ['link reset'],
    faultIntervalMs: 4,
    latency: { leastMs: 1, meanJitterMs: 4, resendChance: 0 },
  },
  /** Workers that give their leases away, or copies of them, to others. */
  'adopted leases': {
    nodes: 3,
    clients: 4,
    adoptions: true,
    durable: false,
    maxTtlMs: 600,
    ttlsMs: [150, 300, 600],
    idleMs: 40,
    resources: ['a', 'b'],
    cronResources: [],
    driftFactor: 0.01,
    faults: [
      'link reset',
      'link block',
      'link slow',
      'node stop',
      'process stop',
      'process crash',
      'data lost',
    ],
    faultIntervalMs: 250,
    longestFaultMs: 600,
    nodeSkewMs: 0,
    wallStepMs: 100,
    latency: { leastMs: 0.5, meanJitterMs: 2, resendChance: 0.02 },
  },
} as const satisfies Record<string, Partial<Settings>>;

export type Worlds = keyof typeof WORLDS;

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a vote under any list of nodes',
    flaw: 'any list accepted',
    worlds: 'changing lists',
    likely: 11,
    breaks: ['one holder'],
  },
  {
    name: 'a new list of nodes that does not wait for leases',
    flaw: 'no wait for leases',
    worlds: 'changing lists',
    likely: 3,
    breaks: ['one holder'],
  },
  {
    name: 'a list of nodes that is active on a majority of itself alone',
    edits: [
      {
        file: 'core/membership/knowledge.ts',
        original: 'previous !== undefined && membersAmong(those, previous) >= majorityOfList(previous)',
        replacement: 'previous !== undefined',
      },
    ],
    worlds: 'changing lists',
    likely: 9,
    breaks: ['one holder'],
  },
  {
    name: 'a change of a list of nodes that was never active',
    edits: [
      {
        file: 'core/membership/knowledge.ts',
        original: 'if (isFirst(record) && isOnAllMembers(views, record)) this.#add(list);',
        replacement: 'this.#add(list);',
      },
    ],
    worlds: 'changing lists',
    likely: 4,
    breaks: ['one holder'],
  },
  {
    name: 'an adoption of keys that another holder has',
    flaw: 'adoption without comparing',
    worlds: 'adopted leases',
    breaks: ['one holder'],
  },
  {
    name: 'an adoption that does not wait for the end of the lease elsewhere',
    edits: [
      {
        file: 'lock/acquire/adoption.ts',
        original: 'if (request.from.isOver) return result;',
        replacement: 'if (request.from.holderId) return result;',
      },
    ],
    worlds: 'adopted leases',
    breaks: ['one holder'],
  },
  {
    name: 'a lost adoption that releases what the holder elsewhere may still hold',
    edits: [
      {
        file: 'lock/acquire/acquire-round.ts',
        original: 'if (from?.isOver === false) return {',
        replacement: "if (from?.holderId === '') return {",
      },
    ],
    worlds: 'adopted leases',
    breaks: ['one holder'],
  },
  {
    name: 'a lease that is given away and goes on',
    edits: [
      {
        file: 'lock/lease/held-lease.ts',
        original: 'this.#state = transferred(this.#state);\n    const heldMs = this.#end();',
        replacement: 'this.#state = transferred(this.#state);\n    const heldMs = 0;',
      },
    ],
    worlds: 'adopted leases',
    breaks: ['nothing left behind'],
  },
  {
    name: 'a wait until a clock that was set back has caught up',
    flaw: 'waits for a clock',
    likely: 521_530_109,
    breaks: ['no tick lost'],
  },
  {
    name: 'a wait for an id that no node has any more',
    edits: [
      {
        file: 'core/membership/restore.ts',
        original: '((view.id === id || view.address === address) && view.isLongAway)',
        replacement: '(view.id === id && view.isLongAway)',
      },
    ],
    likely: 521_529_167,
    breaks: ['no tick lost'],
  },
  {
    name: 'a node that tells others of no lease',
    flaw: 'no instant told',
    worlds: 'lifted quarantines',
    likely: 5,
    breaks: ['one holder'],
  },
  {
    name: 'no quarantine',
    edits: [
      {
        file: 'node/server/counted-vote.ts',
        original: "isMismatch(vote) || (vote.kind === 'granted' && !isPlainRelease(request))",
        replacement: 'isMismatch(vote)',
      },
    ],
    worlds: 'flushed data',
    likely: 9,
    breaks: ['one holder', 'tokens grow', 'one run per tick'],
  },
  {
    name: 'a missing confirm',
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
    name: 'a missing confirm if the counters differ',
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
    worlds: 'stopped processes',
    likely: 1,
    breaks: ['one run per tick', 'tokens grow'],
  },
  {
    name: 'a vote counted though its counter is above the token',
    edits: [
      {
        file: 'lock/quorum/quorum.ts',
        original: 'if (counter > token || ',
        replacement: 'if (counter > Number.MAX_VALUE || ',
      },
    ],
    flaw: 'counter above the token',
    worlds: 'fast node clocks',
    likely: 95,
    breaks: ['tokens grow'],
  },
  {
    name: 'refused votes counted as confirmed',
    edits: [
      {
        file: 'lock/quorum/quorum.ts',
        original: "if (vote.kind !== 'granted') return call.receive(nodeIndex, vote);",
        replacement:
          "if (vote.kind !== 'granted') return call.receive(nodeIndex, { kind: 'granted', counter: token });",
      },
    ],
    worlds: 'failing connections',
    likely: 8,
    breaks: ['one run per tick', 'tokens grow'],
  },
  {
    name: 'one token for all leases of a grant',
    edits: [
      {
        file: 'lock/lease/token-range.ts',
        original: 'this.last === undefined ? undefined : this.last - this.reserved + 1 + this.#leases;',
        replacement: 'this.last;',
      },
    ],
    worlds: 'many waiters',
    breaks: ['tokens grow'],
  },
  {
    name: 'a range of tokens that the node counts as one',
    flaw: 'a range counted as one',
    worlds: 'many waiters',
    breaks: ['tokens grow'],
  },
  {
    name: 'a lease handed over after its end',
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
    worlds: 'many waiters',
    likely: 6,
    breaks: ['tokens grow'],
  },
  {
    name: 'a fence key that lives too short',
    flaw: 'fence key that lives too short',
    likely: 2,
    breaks: ['tokens grow'],
  },
  { name: 'counter seeded with 0', flaw: 'counter seeded with 0', breaks: ['tokens grow'] },
  {
    name: 'an old counter believed',
    flaw: 'old counter believed',
    worlds: 'restored data',
    likely: 8,
    breaks: ['tokens grow'],
  },
  {
    name: 'ticks granted by nodes that may have forgotten them',
    flaw: 'forgotten ticks granted',
    worlds: 'flushed data',
    likely: 15,
    breaks: ['one run per tick'],
  },
  {
    name: 'ticks that were run early, granted as soon as a short quarantine is over',
    flaw: 'ticks of one quarantine forgotten',
    worlds: 'workers ahead of time',
    likely: 12,
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
    name: 'validity counted from the reply',
    edits: [
      {
        file: 'lock/acquire/acquire-round.ts',
        original:
          "return { kind: 'won', quorum, request, tracker, token, run, grant, othersWait, decidingGrants };",
        replacement:
          "return { kind: 'won', quorum, request, tracker, token, run, othersWait, decidingGrants, " +
          'grant: { ...grant, sentAt: clock.stamp() } };',
      },
    ],
    breaks: ['validity within the keys'],
  },
  {
    name: 'an extension that re-creates',
    flaw: 'extension re-creates',
    worlds: 'suspended machines',
    likely: 5,
    breaks: ['one holder'],
  },
  {
    name: 'lost keys restored after a suspension without proof',
    edits: [
      {
        file: 'lock/lease/extension.ts',
        original: 'this.#owner.lease !== undefined && this.#leftMs() > 0;',
        replacement: 'this.#owner.lease !== undefined;',
      },
      {
        file: 'lock/lease/extension.ts',
        original: '!(this.#isRestoredWithoutQuorum && headroomMs <= 0)',
        replacement: '!(this.#isRestoredWithoutQuorum && headroomMs === undefined)',
      },
    ],
    worlds: 'suspended machines',
    likely: 187,
    breaks: ['one holder', 'tokens grow'],
  },
  { name: 'an extension that shortens', flaw: 'extension shortens', breaks: ['validity within the keys'] },
  {
    name: 'the wall clock instead of the monotonic clock',
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
    worlds: 'stopped processes',
    likely: 18,
    breaks: ['no tick lost', 'one run per tick'],
  },
  {
    name: 'split votes reported as held',
    edits: [
      {
        file: 'lock/acquire/attempt.ts',
        original: "if (outcome.kind !== 'contended' || !mayGoOn) {",
        replacement: "if (outcome.kind !== 'contended' || look === 0 || !mayGoOn) {",
      },
    ],
    worlds: 'simultaneous ticks',
    breaks: ['no tick lost'],
  },
  {
    name: 'no allowance for drift',
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
    name: 'late grants that are not released',
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
    name: 'a loss told only at the end of validity',
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
    name: 'success reported though the lease is lost',
    edits: [
      {
        file: 'lock/lease/current-lease.ts',
        original: '    assertNotLost(runs.lease);\n    return result;',
        replacement: '    return result;',
      },
    ],
    breaks: ['withLock tells what was'],
  },
  {
    name: "a routine's error hidden by the loss of its lease",
    edits: [
      {
        file: 'lock/lease/current-lease.ts',
        original: '  } finally {\n    own?.end();',
        replacement: '  } finally {\n    assertNotLost(runs.lease);\n    own?.end();',
      },
    ],
    likely: 2,
    breaks: ['withLock tells what was'],
  },
  {
    name: 'a record that is not taken back',
    edits: [
      {
        file: 'lock/quorum/quorum.ts',
        original: 'if (!retry) tracker.unbegunRun = run;',
        replacement: 'if (!retry) tracker.unbegunRun = undefined;',
      },
    ],
    worlds: 'broken connections',
    likely: 6,
    breaks: ['no tick lost'],
  },
  {
    name: 'success reported at one acknowledgement',
    edits: [
      {
        file: 'lock/quorum/pending-finish.ts',
        original: 'this.#recorded.size >= this.electorate.majority',
        replacement: 'this.#recorded.size >= Math.min(1, this.electorate.majority)',
      },
    ],
    worlds: 'dying workers',
    likely: 5,
    breaks: ['a finished tick stays finished'],
  },
  {
    name: 'a retry granted while the key is there',
    flaw: 'retry over the key',
    worlds: 'dying workers',
    breaks: ['one holder'],
  },
  {
    name: 'an attempt that is not written',
    flaw: 'attempt not written',
    worlds: 'dying workers',
    breaks: ['attempts count up'],
  },
  {
    name: 'a confirm that does not look whether the tick is finished',
    flaw: 'confirm of a finished tick',
    worlds: 'dying workers',
    likely: 47,
    breaks: ['a finished tick stays finished'],
  },
];
