import { BehaviorSubject, distinctUntilChanged, type Observable } from 'rxjs';
import type { DeposedReason, Election, LeaderRun, Lease, LockManager } from '../../index.js';
import type { LineLogger } from '../log/module-logger.js';
import { assertHoldsFit } from '../normalize-options.js';

/** What the module says of leases. */
interface ModuleTerms {
  readonly ttlMs: number;
  readonly nodeTimeoutMs: number | undefined;
  readonly maxHoldMs: number | undefined;
}

/** A candidacy of this application. */
interface Candidacy {
  readonly election: Election;
  readonly ttlMs: number;
  readonly isLeader$: BehaviorSubject<boolean>;
}

/** What a method says of its election. */
interface Declared {
  readonly ttlMs: number;
  /** Whether the method gave it. Otherwise it is the module's, and another method may give it. */
  readonly isGiven: boolean;
  readonly method: string;
}

/**
 * Tells whether this application leads: inject it, and ask by the name of the election. The application
 * stands for an election from its start if a method has `@RunOnLeader()` with that name, and otherwise from
 * the first question.
 */
export class LeaderElection {
  readonly #candidacies = new Map<string, Candidacy>();
  /** What decorated methods need, until the application has started. */
  readonly #declared = new Map<string, Declared>();

  constructor(
    private readonly locks: LockManager,
    private readonly terms: ModuleTerms,
    private readonly logger: LineLogger,
    /** Hears that this application leads from now on. */
    private readonly onElected: () => void = () => undefined,
  ) {}

  /** Whether this application leads now. */
  isLeader(election: string): boolean {
    return this.#candidacyOf(election)?.election.isLeader === true;
  }

  /** Whether this application leads: now, and at each change. Completes when the application ends. */
  leader$(election: string): Observable<boolean> {
    const candidacy = this.#candidacyOf(election);
    const ended = new BehaviorSubject(false);
    ended.complete();
    return (candidacy?.isLeader$ ?? ended).pipe(distinctUntilChanged());
  }

  /**
   * Runs the routine under the lease of the leader, if this application leads: `{ ran: true, value }`.
   * Otherwise it does not run: `{ ran: false, reason: 'not_leader' }`.
   */
  async run<T>(election: string, routine: (lease: Lease) => T | PromiseLike<T>): Promise<LeaderRun<T>> {
    const candidacy = this.#candidacyOf(election);
    return candidacy?.election.run(routine) ?? { ran: false, reason: 'not_leader' };
  }

  /**
   * A method needs this election. The application stands for it when it has started. Without a `ttl` it goes
   * by that of another method with the same election, if there is one.
   *
   * @throws RangeError when another method has given the same election another `ttl`, or when the module's
   *   options leave no room for it.
   */
  declare(election: string, ttlMs: number | undefined, method: string): void {
    const declared = { ttlMs: ttlMs ?? this.terms.ttlMs, isGiven: ttlMs !== undefined, method };
    assertHoldsFit(method, { maxHoldMs: this.terms.maxHoldMs }, declared.ttlMs);
    const other = this.#declared.get(election);
    if (other !== undefined && other.isGiven && declared.isGiven && other.ttlMs !== declared.ttlMs) {
      throw new RangeError(
        `${method}: ttl (${declared.ttlMs / 1_000} s) of the election "${election}" must be that of ` +
          `${other.method} (${other.ttlMs / 1_000} s)`,
      );
    }
    if (other === undefined || (declared.isGiven && !other.isGiven)) this.#declared.set(election, declared);
  }

  /** Whether a method needs an election. */
  get isNeeded(): boolean {
    return this.#declared.size > 0;
  }

  /** The application has started: it stands for what its methods need. */
  start(): void {
    for (const election of this.#declared.keys()) this.#candidacyOf(election);
  }

  /** `undefined`: the application ends, and stands for nothing any more. */
  #candidacyOf(election: string): Candidacy | undefined {
    const known = this.#candidacies.get(election);
    if (known !== undefined || this.locks.closed) return known;
    const isLeader$ = new BehaviorSubject(false);
    const ttlMs = this.#declared.get(election)?.ttlMs ?? this.terms.ttlMs;
    const { nodeTimeoutMs } = this.terms;
    const stood = this.locks.elect(election, {
      ttlMs,
      // A short `ttl` shortens the node timeout.
      nodeTimeoutMs: nodeTimeoutMs && Math.min(nodeTimeoutMs, Math.floor(ttlMs / 3)),
      onElected: ({ token }) => {
        this.logger.log(`Elected as the leader: ${election} (token ${token})`);
        isLeader$.next(true);
        this.onElected();
      },
      onLost: (reason) => {
        this.#logLoss(election, reason);
        isLeader$.next(false);
      },
    });
    void stood.ended.then(() => isLeader$.complete());
    const candidacy = { election: stood, ttlMs, isLeader$ };
    this.#candidacies.set(election, candidacy);
    return candidacy;
  }

  #logLoss(election: string, reason: DeposedReason): void {
    if (reason === 'resigned' || reason === 'closed') this.logger.log(`No longer the leader: ${election}`);
    else this.logger.warn(`No longer the leader: ${election} (${reason})`);
  }
}
