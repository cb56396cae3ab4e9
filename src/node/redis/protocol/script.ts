import { createHash } from 'node:crypto';
import { bulk } from './bulk.js';

export type Verb =
  | 'acquire'
  | 'confirm'
  | 'extend'
  | 'release'
  | 'finish'
  | 'wake'
  | 'inspect'
  | 'history'
  | 'guard'
  | 'record';

/**
 * A Lua script: one for each verb. A call of it carries any number of operations that differ in their own
 * words only.
 */
export interface Script {
  readonly verb: Verb;
  readonly text: string;
  /** The digest by which the server knows it. */
  readonly sha: string;
  /** The command that calls it, and the digest, as they go over the wire. */
  readonly named: string;
  /** Whether it begins with the guard, which then has words of its own, and its part of the reply. */
  readonly hasGuard: boolean;
  /** Whether a deadline follows the guard's words. */
  readonly hasDeadline: boolean;
}

export const scriptOf = (verb: Verb, text: string, { hasGuard = true, hasDeadline = false } = {}): Script => {
  const sha = createHash('sha1').update(text).digest('hex');
  return { verb, text, sha, named: bulk('EVALSHA') + bulk(sha), hasGuard, hasDeadline };
};
