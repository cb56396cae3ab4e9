import type { Client } from './execution.js';
import type { Session } from './session.js';
import { Undoing, VotesByRound, type OnAgainst } from './votes.js';

/** The votes that one attempt to acquire causes: on its rounds, and on the release of what they lost. */
export class AttemptVotes {
  readonly rounds: VotesByRound;
  readonly undoing = new Undoing();
  #call = 0;
  #unwatchRounds: (() => void) | undefined;
  readonly #unwatchUndoing: (() => void)[] = [];

  constructor(
    private readonly session: Session,
    clients: readonly Client[],
    private readonly resources: number,
    onAgainst: OnAgainst,
  ) {
    this.rounds = new VotesByRound(clients, onAgainst);
  }

  /** The number of the call; 0 if it was not made. */
  get call(): number {
    return this.#call;
  }

  /** The call is made, and has this number. */
  begin(call: number): void {
    const { session, resources, undoing } = this;
    this.#call = call;
    this.#unwatchUndoing.push(
      session.watch(call, 'acquire', resources, undoing.granting),
      session.watch(call, 'release', resources, undoing.releasing),
    );
    this.#unwatchRounds = session.watch(call, 'acquire', resources, this.rounds);
  }

  /** Its rounds are of no interest any more. */
  endRounds(): void {
    this.#unwatchRounds?.();
  }

  /** What it releases is of no interest any more. */
  endUndoing(): void {
    for (const unwatch of this.#unwatchUndoing) unwatch();
  }
}
