/** The invariants. Within the promise all of them must hold, beyond it only the last one. */
export type Invariant =
  | 'one holder'
  | 'one run per tick'
  | 'no tick lost'
  | 'no tick abandoned'
  | 'attempts count up'
  | 'a finished tick stays finished'
  | 'ticks run in order'
  | 'tokens grow'
  | 'validity within the keys'
  | 'loss told in time'
  | 'withLock tells what was'
  | 'every wait ends'
  | 'nothing left behind'
  | 'no unexpected error'
  | 'no stale write accepted';

export interface Violation {
  readonly invariant: Invariant;
  /** True time, in milliseconds. */
  readonly at: number;
  readonly detail: string;
}
