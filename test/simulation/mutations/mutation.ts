import type { NetworkFlaw } from '../network.js';
import type { ScriptFlaw } from '../script-model/flaws.js';
import type { Invariant } from '../violation.js';
import type { Worlds } from '../mutation-worlds.js';

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
