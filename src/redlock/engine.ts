import { LockError, LockManagerClosedError, type Lease } from '../index.js';
import { AttemptVotes } from './attempt-votes.js';
import { notApplied } from './errors.js';
import type { Client, ExecutionStats } from './execution.js';
import { Session } from './session.js';
import { answerWithinMs, LONGEST_ANSWER_MS } from './settings.js';
import { ClientVotes, type OnAgainst } from './votes.js';

/** The lease of a lock. The locks that come of its extensions share it. */
export interface Held {
  readonly lease: Lease;
  readonly session: Session;
  /** The number of its call, which its votes carry. */
  readonly id: number;
  /** Extensions follow each other. */
  extending: Promise<unknown>;
  isReleased: boolean;
}

/** What came of one attempt to acquire. */
export interface Attempt {
  /** `undefined` if it was not won. */
  readonly held: Held | undefined;
  readonly stats: Promise<ExecutionStats>;
}

/** What came of one extension or release. */
export interface Answer {
  readonly isWon: boolean;
  readonly stats: Promise<ExecutionStats>;
}

/** Engines that were made, by the first of their clients. A program may make a Redlock object per request. */
const engines = new WeakMap<Client, Engine[]>();

/**
 * What Redlock objects of the same clients do, by a lock manager. From the first use on, the manager has
 * connections of its own, which are duplicates of the clients. They end when all clients have ended: so a
 * program that closes its clients can end.
 */
export class Engine {
  #session: Session;
  #watch: NodeJS.Timeout | undefined;

  /** The engine of these clients. Throws an error that names a client that cannot be used. */
  static of(clients: readonly [Client, ...Client[]], driftFactor: number): Engine {
    const made = engines.get(clients[0]) ?? [];
    let engine = made.find((one) => one.driftFactor === driftFactor && areSame(one.clients, clients));
    if (engine === undefined) made.push((engine = new Engine(clients, driftFactor)));
    engines.set(clients[0], made);
    return engine;
  }

  private constructor(
    readonly clients: readonly Client[],
    readonly driftFactor: number,
  ) {
    this.#session = this.#open();
    for (const client of clients) {
      client.on('end', () => this.#closeIfEnded());
      client.on('reconnecting', () => this.#watchReconnecting());
    }
    if (clients.some(isBetween)) this.#watchReconnecting();
  }

  #closeIfEnded(): void {
    if (this.#areClientsEnded) void this.close();
  }

  /** A client that is disconnected while it waits to reconnect emits nothing: it is looked at until then. */
  #watchReconnecting(): void {
    this.#watch ??= setInterval(() => {
      this.#closeIfEnded();
      if (this.clients.some(isBetween) && !this.#session.locks.closed) return;
      clearInterval(this.#watch);
      this.#watch = undefined;
    }, LOOK_MS).unref();
  }

  /** It is another one after all clients had ended, and one of them was connected again. */
  get session(): Session {
    if (this.#session.locks.closed && !this.#areClientsEnded) this.#session = this.#open();
    else if (this.#areClientsEnded) void this.close();
    return this.#session;
  }

  get #areClientsEnded(): boolean {
    return this.clients.every(hasEnded);
  }

  #open(): Session {
    const { clients, driftFactor } = this;
    return new Session(clients, { keyPrefix: '', holder: '', fencing: false, driftFactor });
  }

  /** Closes the manager. The keys of what is held are left to expire, as redlock leaves them. */
  close(): Promise<void> {
    return this.#session.locks.close({ leaveKeys: true });
  }

  /** Tries once to acquire the resources. Rejects for bad input only. */
  async acquire(resources: readonly string[], duration: number, onError: OnAgainst): Promise<Attempt> {
    const { session } = this;
    // All nodes take part in the first lock, too, not only the majority that was connected first. Besides,
    // this call may come from a listener, and is to begin when the event has been delivered.
    await session.locks.started();
    const votes = new AttemptVotes(session, this.clients, resources.length, onError);
    const endRounds = (): void => votes.endRounds();
    const options = { ttlMs: duration, nodeTimeoutMs: answerWithinMs(duration), autoExtend: false };
    const acquiring = session.call(
      (locks) => locks.acquire(resources, options),
      (call) => votes.begin(call),
    );
    try {
      const lease = await acquiring;
      const held = { lease, session, id: votes.call, extending: Promise.resolve(), isReleased: false };
      return { held, stats: whenComplete(votes.rounds.last, endRounds) };
    } catch (error) {
      if (!(error instanceof LockError)) {
        endRounds();
        throw error;
      }
      if (error instanceof LockManagerClosedError) session.refuse(votes.rounds);
      else await votes.undoing.done(LONGEST_ANSWER_MS);
      return { held: undefined, stats: whenComplete(votes.rounds.last, endRounds) };
    } finally {
      votes.endUndoing();
    }
  }

  /** Tries once to extend the lease. */
  extend(held: Held, duration: number, onError: OnAgainst): Promise<Answer> {
    const turn = held.extending.then(() => this.#extend(held, duration, onError));
    held.extending = turn.catch(() => undefined);
    return turn;
  }

  async #extend({ lease, session, id }: Held, duration: number, onError: OnAgainst): Promise<Answer> {
    const resources = lease.resources.length;
    const round = new ClientVotes(this.clients, onError);
    const unwatch = session.watch(id, 'extend', resources, round);
    try {
      await lease.extend(duration);
      return { isWon: true, stats: whenComplete(round, unwatch) };
    } catch (error) {
      if (!(error instanceof LockError)) {
        unwatch();
        throw error;
      }
      // The nodes are not asked about a lease that is over.
      if (lease.remainingMs() === 0) round.end(notApplied(resources));
      return { isWon: false, stats: whenComplete(round, unwatch) };
    }
  }

  /**
   * Releases the lease. It is not tried again: where a node cannot be reached, the manager goes on in the
   * background until the keys have expired.
   */
  async release(held: Held, onError: OnAgainst): Promise<Answer> {
    const { lease, session, id } = held;
    const resources = lease.resources.length;
    const round = new ClientVotes(this.clients, onError);
    if (held.isReleased) {
      round.end(notApplied(resources));
      return { isWon: false, stats: round.complete };
    }
    held.isReleased = true;
    const stats = whenComplete(round, session.watch(id, 'release', resources, round));
    await lease.release();
    // A node that never had the keys is not asked.
    const timer = setTimeout(() => round.end(notApplied(resources)), LONGEST_ANSWER_MS);
    void stats.then(() => clearTimeout(timer));
    if (round.isWon) timer.unref();
    else await stats;
    return { isWon: round.isWon, stats };
  }
}

/** The statistics once all clients have voted. Until then the votes are listened to. */
async function whenComplete(round: ClientVotes, unwatch: () => void): Promise<ExecutionStats> {
  const stats = await round.complete;
  unwatch();
  return stats;
}

/** How often clients are looked at that wait to reconnect, in milliseconds. */
const LOOK_MS = 100;

/** Whether a client is neither connected nor at its end. */
const isBetween = ({ status }: Client): boolean => status === 'reconnecting' || status === 'disconnecting';

/**
 * ioredis leaves the status of a client that is disconnected while it waits to reconnect. Only a field that
 * is not in its types tells that it never will.
 */
function hasEnded(client: Client): boolean {
  if (client.status === 'end') return true;
  return isBetween(client) && Reflect.get(client, 'manuallyClosing') === true;
}

const areSame = (some: readonly Client[], others: readonly Client[]): boolean =>
  some.length === others.length && some.every((client, index) => client === others[index]);
