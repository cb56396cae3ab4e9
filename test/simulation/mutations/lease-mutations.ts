import type { Mutation } from './mutation.js';

/** Who holds a lock, until when, and who learns that. */
export const LEASE_MUTATIONS: readonly Mutation[] = [
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
        file: 'lock/acquire/adoption.ts',
        original: 'if (from?.isOver !== true) return',
        replacement: "if (from?.holderId === '') return",
      },
    ],
    worlds: 'adopted leases',
    likely: 2,
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
    name: 'a worker thread that counts an extension from its answers',
    edits: [
      {
        file: 'lock/stall/stall-extender.ts',
        original: 'this.shared.recordExtension(sentAt)',
        replacement: 'this.shared.recordExtension(this.clock.stamp())',
      },
    ],
    worlds: 'blocked event loops',
    likely: 24,
    breaks: ['validity within the keys'],
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
        original: 'run, grant, othersWaiting, decidingGrants };',
        replacement: 'run, grant: { ...grant, sentAt: clock.stamp() }, othersWaiting, decidingGrants };',
      },
    ],
    likely: 3,
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
    likely: 84,
    breaks: ['one holder', 'tokens grow'],
  },
  {
    name: 'an extension that counts from its answers',
    edits: [
      {
        file: 'lock/lease/extension.ts',
        original: 'if (won) this.#prolong(grant);',
        replacement: 'if (won) this.#prolong({ ...grant, sentAt: this.#owner.context.clock.stamp() });',
      },
    ],
    breaks: ['validity within the keys'],
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
        file: 'lock/running-attempts.ts',
        original: '() => newHolderId(options.holder)',
        replacement: '(() => { const one = newHolderId(options.holder); return () => one; })()',
      },
    ],
    breaks: ['one holder', 'validity within the keys'],
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
    likely: 8,
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
];
