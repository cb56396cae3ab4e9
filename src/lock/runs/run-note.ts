import { LONGEST_ERROR, noteText, type PastRun, type RunNote } from '../../core/run-history.js';
import { wordsOf } from '../../api/callbacks.js';
import { shortened, withoutLogins } from '../../api/bounded-text.js';

/** What the nodes are to remember of a run that has ended. `most`: the option `history`. */
export function noteOf(run: Omit<PastRun, 'error'>, thrown: unknown, most: number): RunNote {
  const { outcome, endedAt, token: rank } = run;
  const text = most === 0 ? '' : noteText({ ...run, error: messageOf(thrown) });
  return { rank, text, most, succeededAt: outcome === 'succeeded' ? endedAt : undefined };
}

/**
 * The message of what a routine threw, on one line. Errors of database clients name the url that they were
 * given: what stands before its host is left out, because the nodes keep this for days.
 */
function messageOf(thrown: unknown): string | undefined {
  if (thrown === undefined) return undefined;
  const text = textOf(thrown)
    .slice(0, 8 * LONGEST_ERROR)
    .replace(/\p{Cc}+/gu, ' ');
  return shortened(withoutLogins(text).trim(), LONGEST_ERROR);
}

function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? wordsOf(thrown) : String(thrown);
  } catch {
    // It may be anything, and whatever it is, the run has ended.
    return 'something that has no text';
  }
}
