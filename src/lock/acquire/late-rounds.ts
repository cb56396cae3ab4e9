import type { Lost } from './acquire-round.js';

/**
 * So often a call asks again because its requests came too late to a majority, in which case nothing was
 * carried out. They come too late where this process stands still for longer than the node timeout between
 * the call and the end of its turn, or again and again.
 */
const LATE_ROUNDS = 10;

/** Whether a majority would have answered, had the request come in time to all. */
function cameTooLate({ tally }: Lost): boolean {
  const late = tally.votes.filter((vote) => vote?.kind === 'failed' && vote.reason === 'late').length;
  return late > 0 && tally.countAnswers() + late >= tally.majority;
}

/** Whether the nodes were not asked in time, or not heard in time: this process stood still, or was busy. */
export const isLate = (lost: Lost): boolean => lost.stoodStill === true || cameTooLate(lost);

/** Which rounds of a call are made again because they were late. */
export class LateRounds {
  #tooLate = 0;
  #hasStoodStill = false;

  /**
   * Whether to ask again after this round, which is counted if so. One that was not carried out is asked
   * several times, and one for which the nodes had their time while this process stood still once.
   */
  mayAskAgain(lost: Lost): boolean {
    if (cameTooLate(lost)) return this.#tooLate++ < LATE_ROUNDS;
    if (lost.stoodStill !== true || this.#hasStoodStill) return false;
    this.#hasStoodStill = true;
    return true;
  }
}
