/** What the workers of runs.test.ts and the test agree on. */
export type RunReport =
  | { readonly type: 'up' }
  /** `at` is in microseconds of a clock that all processes of the machine share. */
  | {
      readonly type: 'began' | 'ended';
      readonly tick: number;
      readonly attempt: number;
      readonly at: number;
    };
