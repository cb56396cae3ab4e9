/**
 * Ways in which a script could be wrong. They are for the test of the simulation itself, which has to find
 * each. What each must not do stands beside its use.
 */
export const SCRIPT_FLAWS = [
  'confirm without ownership',
  'counter above the token',
  'counter seeded with 0',
  'fence key that lives too short',
  'extension shortens',
  'extension re-creates',
  'release without comparing',
  'tick without ownership',
  'no deadline',
  'old counter believed',
  'forgotten ticks granted',
  'ticks of one quarantine forgotten',
  'a range counted as one',
  'any counter believed',
  'any list accepted',
  'record without comparing',
  'record for an old id',
  'no wait for leases',
  'extension raises no instant',
  'no instant told',
  'lift of any memory',
  'counters of a quarantine believed',
  'counters of another run believed',
  'take-back without ownership',
  'retry over the key',
  'attempt not written',
  'confirm of a finished tick',
  'finish over a later attempt',
  'finish makes a counter',
  'waits for a clock',
  'notes without a bound',
  'an earlier success over a later one',
  'adoption without comparing',
] as const;

export type ScriptFlaw = (typeof SCRIPT_FLAWS)[number];
