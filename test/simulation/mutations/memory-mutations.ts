import type { Mutation } from './mutation.js';

/** What a node remembers, and in which list of nodes it votes. */
export const MEMORY_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a vote under any list of nodes',
    flaw: 'any list accepted',
    worlds: 'changing lists',
    likely: 17,
    breaks: ['one holder'],
  },
  {
    name: 'a new list of nodes that does not wait for leases',
    flaw: 'no wait for leases',
    worlds: 'changing lists',
    likely: 4,
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
    likely: 45,
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
    likely: 20,
    breaks: ['one holder'],
  },
  {
    name: 'blank nodes that a client trusts because it has long seen them so',
    edits: [
      {
        file: 'lock/nodes/bootstrap.ts',
        original: 'newForMs > this.quarantine.ms) await this.#recordLoss(fresh)',
        replacement:
          'newForMs > this.quarantine.ms) await this.#recordLoss(fresh).then(() => this.#trust(fresh))',
      },
    ],
    worlds: 'blank nodes, seldom seen',
    likely: 616_600_004,
    breaks: ['one holder'],
  },
  {
    name: 'a wait until a clock that was set back has caught up',
    flaw: 'waits for a clock',
    worlds: 'clocks set at first use',
    likely: 3,
    breaks: ['no tick lost'],
  },
  {
    name: 'a change that is written although too few nodes can take it',
    edits: [
      {
        file: 'core/membership/change.ts',
        original: 'const those = views.filter((view) => takesChange(view, latest));',
        replacement: 'const those = views.filter(isHere);',
      },
    ],
    likely: 615_014_268,
    breaks: ['no tick lost'],
  },
  {
    name: 'an older list that takes the place of one that was begun anew',
    edits: [
      {
        file: 'core/membership/first-list.ts',
        original: 'if (begun === undefined) return undefined;',
        replacement: 'if (begun !== null) return undefined;',
      },
    ],
    likely: 615_021_290,
    breaks: ['no tick lost'],
  },
  {
    name: 'a list begun anew that leaves out a node with one that is as late',
    edits: [
      {
        file: 'core/membership/first-list.ts',
        original: 'latest === undefined || !isDecided || !isLatest',
        replacement: 'latest === undefined || !isDecided',
      },
    ],
    worlds: 'forgotten lists',
    likely: 246,
    breaks: ['no tick lost'],
  },
  {
    name: 'a sound clock that stays out when others agree with it',
    edits: [
      {
        file: 'lock/nodes/clock-check.ts',
        original: 'if (this.#apart.delete(nodeIndex))',
        replacement: 'if (this.#agreed.size < 0)',
      },
    ],
    likely: 615_010_160,
    breaks: ['no tick abandoned'],
  },
  {
    name: 'a node that tells others of no lease',
    flaw: 'no instant told',
    worlds: 'lifted quarantines',
    likely: 13,
    breaks: ['one holder'],
  },
  {
    name: 'no quarantine',
    likely: 9,
    edits: [
      {
        file: 'node/server/counted-vote.ts',
        original: "isMismatch(vote) || (vote.kind === 'granted' && !isPlainRelease(request))",
        replacement: 'isMismatch(vote)',
      },
    ],
    worlds: 'flushed data',
    breaks: ['one holder', 'tokens grow', 'one run per tick'],
  },
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
];
