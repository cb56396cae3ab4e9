import type { Mutation } from './mutation.js';

/** Fencing tokens, and the counters that they come from. */
export const TOKEN_MUTATIONS: readonly Mutation[] = [
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
    likely: 2,
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
    likely: 38,
    breaks: ['one run per tick', 'tokens grow'],
  },
  {
    name: 'counters believed that a lone node came back with',
    flaw: 'counters of another run believed',
    worlds: 'a lone node with old data',
    likely: 1,
    breaks: ['tokens grow'],
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
    likely: 15,
    breaks: ['tokens grow'],
  },
  {
    name: 'a fence key that lives too short',
    flaw: 'fence key that lives too short',
    likely: 2,
    breaks: ['tokens grow'],
  },
  { name: 'counter seeded with 0', flaw: 'counter seeded with 0', breaks: ['tokens grow'] },
];
