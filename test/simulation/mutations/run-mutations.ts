import type { Mutation } from './mutation.js';

/** Ticks, and what is on record of their runs. */
export const RUN_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a tick recorded without ownership',
    flaw: 'tick without ownership',
    worlds: 'stopped processes',
    likely: 37,
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
    name: 'a record that is not taken back',
    edits: [
      {
        file: 'lock/quorum/quorum.ts',
        original: 'if (!retry) tracker.unbegunRun = run;',
        replacement: 'if (!retry) tracker.unbegunRun = undefined;',
      },
    ],
    worlds: 'broken connections',
    likely: 32,
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
    likely: 2,
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
    worlds: 'late records',
    breaks: ['a finished tick stays finished'],
  },
  {
    name: 'nodes that are trusted without one that is away, as if they had forgotten no run',
    edits: [
      {
        file: 'lock/nodes/bootstrap.ts',
        original: 'newForMs > this.quarantine.ms) await this.#recordLoss(fresh)',
        replacement: 'newForMs > this.quarantine.ms) await this.#trust(fresh)',
      },
    ],
    worlds: 'dying workers, with nodes away for long',
    likely: 77,
    breaks: ['attempts count up'],
  },
];
