/** What the workers of leader-election.test.ts and the test agree on. */

export const ELECTION = 'reports';

export type LeaderReport =
  | { readonly type: 'waiting' }
  /** `at` is in microseconds of a clock that all processes of the machine share. */
  | { readonly type: 'elected' | 'deposed'; readonly token: number; readonly at: number }
  | { readonly type: 'wrote'; readonly token: number | undefined };
