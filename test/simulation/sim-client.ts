import {
  LockNotAcquiredError,
  LockManager,
  LockManagerClosedError,
  QuorumUnreachableError,
  LeaseLostError,
  type AcquireOptions,
  type Lease,
  type LeaseJson,
} from '../../src/index.js';
import type { StartThread } from '../../src/lock/stall/stall-guard.js';
import type { LockNode } from '../../src/node/lock-node.js';
import type { Timer } from '../../src/testing/index.js';
import type { Checker, Holding } from './checker.js';
import type { FencedStore } from './fenced-store.js';
import type { Rng } from './rng.js';
import { LONGEST_NODE_TIMEOUT_MS } from '../../src/core/quarantine.js';
import { PendingCalls } from './pending-calls.js';
import { PossibleKeys } from './possible-keys.js';
import { Routine } from './routine.js';
import type { Settings } from './settings.js';
import { EPOCH_MS, type SimProcess } from './sim-process.js';
import type { TickWatch } from './tick-watch.js';
import type { Timeline } from './timeline.js';
import type { Trace } from './trace.js';

/** The parts of a world that all its clients share. */
export interface ClientWorld {
  readonly settings: Settings;
  readonly timeline: Timeline;
  readonly checker: Checker;
  readonly store: FencedStore;
  readonly trace: Trace;
  /** Is told of the ticks that clients want to run, and of those that they are refused. */
  readonly ticks: Pick<TickWatch, 'requested' | 'refusedAsStarted'>;
  /** Leases in plain data, which any client may adopt. */
  readonly offers: LeaseJson[];
  /** The process of this client dies now, and another one takes its place. */
  dies(client: SimClient): void;
}

/** A tick that a client runs, or would run if its worker died. */
export interface ClientTick {
  readonly resource: string;
  readonly tick: number;
  readonly ttlMs: number;
}

/** The maximum number of acquire rounds per attempt; see `LOOKS` in src/lock/acquire/attempt.ts. */
const ACQUIRE_ROUNDS = 11;
/**
 * An acquire round sends one acquire and up to three confirms, and waits for the release of a lost round.
 * Each may take one node timeout. There is a pause between two rounds.
 */
const TIMEOUTS_A_ROUND = 5;
const WAIT_OPTIONS = { waitMs: 500, retryDelayMs: 100 };
const LONGEST_YIELD_MS = 75;
const LONGEST_IDLE_MS = 3_000;
/** A worker that holds a lock sees after this, at the latest, that it is to stop. */
const LONGEST_PAUSE_MS = 6_000;
/**
 * Every third job uses `withLock`, and every fifth of these throws. The jobs are counted, so that no other
 * random choice depends on it.
 */
const WITH_LOCK_EVERY = 3;
const THROWS_EVERY = 5;
/** When a worker dies that is to die in its run: while it claims, in its run, or while it releases. */
const DEATHS = ['claiming', 'running', 'releasing'] as const;
/** How long a worker takes to claim or to release, as a multiple of the shortest way to a node and back. */
const LONGEST_STEP = 6;
/** How many of those who retry end a run in a way that it is to be run again. */
const FAILING_RUNS = 0.1;
/** So many offers are open at once; older ones are dropped. */
const MOST_OFFERS = 6;
/** The delay of late timers. */
const SLACK_MS = 100;

/** A worker process: a lock manager and its workload. */
export class SimClient {
  readonly manager: LockManager;
  readonly #calls: PendingCalls;
  readonly #keys: PossibleKeys;
  readonly #deaths: Timer[] = [];
  readonly #loops: Promise<void>[] = [];
  #stopping = false;
  #closedAt: number | undefined;
  /** The ticks that it claims, that it runs, and those that it waits for because another one runs them. */
  readonly claimed = new Set<ClientTick>();
  /** With how many runs of the tick had begun by then: a run that fails leaves it to another worker. */
  readonly running = new Map<ClientTick, number>();
  readonly awaited = new Set<ClientTick>();

  constructor(
    readonly name: string,
    readonly process: SimProcess,
    private readonly rng: Rng,
    private readonly world: ClientWorld,
    nodes: readonly LockNode[],
    startThread: StartThread,
  ) {
    this.#calls = new PendingCalls(process, (detail) =>
      world.checker.report('every wait ends', `${name}: ${detail}`),
    );
    this.#keys = new PossibleKeys(() => world.timeline.now);
    const { driftFactor, maxTtlMs, restartQuarantine, maxStallMs } = world.settings;
    const warn = (message: string): void => {
      if (message.startsWith('a listener threw')) world.checker.report('no unexpected error', message);
    };
    const ports = { clock: process, random: rng.next, startThread };
    this.manager = new LockManager(
      { nodes, driftFactor, maxTtlMs, restartQuarantine, maxStallMs, ttlMs: maxTtlMs, holder: name, warn },
      ports,
    );
    this.manager.subscribe((event) => {
      if (event.type !== 'extended' || event.outcome !== 'extended') return;
      for (const holding of world.checker.openOf(this.name)) world.checker.checkValidity(holding);
    });
    const workers = rng.int(...world.settings.workers);
    for (let count = 0; count < workers; count++) this.#loops.push(this.#work(rng.fork()));
    for (const resource of world.settings.cronResources) this.#loops.push(this.#cron(resource, rng.fork()));
  }

  /** SIGKILL. Requests that were sent still arrive. */
  kill(): void {
    this.process.kill();
    for (const holding of this.world.checker.openOf(this.name)) this.world.checker.ended(holding);
  }

  /** Takes no new locks and releases the held ones. */
  stop(): void {
    this.#stopping = true;
  }

  /** Ends the client in order and checks what is left of it. */
  async close(): Promise<void> {
    this.stop();
    const drainMs = this.rng.pick([0, 100]);
    const { ttlsMs } = this.world.settings;
    const withinMs = 2 * 250 + drainMs + SLACK_MS;
    const closing = this.#calls.within('close', withinMs, this.manager.close({ drainMs }));
    await Promise.all([closing, ...this.#loops]);
    // The last timers of rounds that were decided long before.
    await this.process.sleep(Math.min(Math.max(...ttlsMs) / 3, LONGEST_NODE_TIMEOUT_MS) + SLACK_MS);
    this.#closedAt = this.world.timeline.now;
    // It has ended in order, before it could die.
    for (const death of this.#deaths) death.cancel();
    if (this.process.timers > 0)
      this.world.checker.report(
        'nothing left behind',
        `${this.name} is closed and still has ${this.process.timers} timers`,
      );
  }

  get isClosed(): boolean {
    return this.#closedAt !== undefined;
  }

  /** Names the calls that should have ended. */
  overdue(): string[] {
    return this.#calls.overdue();
  }

  /** Whether nodes may have keys of this client now. */
  mayHold(resource: string, graceMs: number): boolean {
    return this.#keys.mayExist(resource, graceMs) || this.world.checker.isHeldBy(this.name, resource);
  }

  async #work(rng: Rng): Promise<void> {
    const { settings } = this.world;
    for (let job = 1; !this.#stopping; job++) {
      await this.process.sleep(1 + Math.min(rng.exponential(settings.idleMs), LONGEST_IDLE_MS));
      if (this.#stopping) return;
      const several = settings.resources.length > 1 && rng.chance(0.15);
      const resource = rng.pick(settings.resources);
      const other = settings.resources.find((one) => one !== resource);
      const resources = several && other !== undefined ? [resource, other] : [resource];
      const ttlMs = rng.pick(settings.ttlsMs);
      const autoExtend = rng.chance(0.8);
      const options: AcquireOptions = {
        ttlMs,
        autoExtend,
        ...rng.pick(
          settings.alwaysWaits ? [WAIT_OPTIONS] : [{}, {}, { retries: 2, retryDelayMs: 100 }, WAIT_OPTIONS],
        ),
        ...(rng.chance(0.05) ? { minHoldMs: Math.floor(ttlMs / 2) } : {}),
        ...(rng.chance(0.05) ? { maxHoldMs: 2 * ttlMs } : {}),
        ...(rng.chance(0.2)
          ? { nodeTimeoutMs: Math.min(Math.floor(ttlMs / rng.pick([3, 5])), LONGEST_NODE_TIMEOUT_MS) }
          : {}),
      };
      if (settings.adoptions && rng.chance(0.6)) {
        await this.#adopt(rng);
        continue;
      }
      const abandonMs = rng.chance(0.1) ? rng.exponential(10) : undefined;
      const routine = job % WITH_LOCK_EVERY === 0 ? new Routine() : undefined;
      const lease = await this.#acquire(resources, options, abandonMs, routine);
      if (lease === undefined) continue;
      const holdMs =
        settings.alwaysWaits && rng.chance(0.9)
          ? rng.between(0, 10)
          : rng.pick([rng.between(0, 20), rng.between(0, ttlMs), rng.between(1, 6) * ttlMs]);
      const holding = this.world.checker.granted(this.name, this.process, lease, ttlMs);
      await this.#hold(
        holding,
        holdMs,
        options,
        rng,
        routine === undefined
          ? this.#endOf(holding, rng)
          : async (held) => {
              const wrong = await routine.end(held, job % (WITH_LOCK_EVERY * THROWS_EVERY) === 0);
              if (wrong !== undefined)
                this.world.checker.report('withLock tells what was', `${this.name}: ${wrong}`);
            },
      );
    }
  }

  /** Adopts a lease that somebody offered, which may be over, and may be offered to others as well. */
  async #adopt(rng: Rng): Promise<void> {
    const { offers, settings, checker, trace } = this.world;
    if (offers.length === 0) return;
    const at = rng.int(0, offers.length - 1);
    const offer = offers[at]!;
    if (rng.chance(0.5)) offers.splice(at, 1);
    const ttlMs = rng.pick(settings.ttlsMs);
    const { resources } = offer;
    const longestMs = Math.max(...settings.ttlsMs) * (1 + 3 * settings.driftFactor);
    const withinMs = longestMs + ACQUIRE_ROUNDS * TIMEOUTS_A_ROUND * nodeTimeoutOf({ ttlMs });
    this.#keys.begin(resources);
    let lease: Lease | undefined;
    try {
      const what = `adopt ${resources.join('+')}`;
      lease = await this.#calls.within(what, withinMs, this.manager.adopt(offer, { ttlMs }));
    } catch (error) {
      trace.note(() => `${this.name} does not adopt ${resources.join('+')}: ${String(error)}`);
      if (!isExpected(error) && !(error instanceof LeaseLostError))
        checker.report('no unexpected error', `adopt: ${String(error)}`);
    } finally {
      this.#keys.end(resources);
      // What a lost adoption took is left to expire, unless the lease was given away.
      this.#keys.mayRemain(resources, TIMEOUTS_A_ROUND * nodeTimeoutOf({ ttlMs }) + longestMs);
    }
    if (lease === undefined) return;
    const { token } = lease;
    trace.note(() => `${this.name} adopts ${resources.join('+')} with ${token}`);
    const holding = checker.granted(this.name, this.process, lease, ttlMs);
    await this.#hold(holding, rng.between(0, 2 * ttlMs), { ttlMs }, rng, this.#endOf(holding, rng));
  }

  /** How a lease ends here: mostly it is released. It may be given away, or offered though it is held. */
  #endOf(holding: Holding, rng: Rng): (held: Lease) => Promise<void> {
    const { checker, offers, settings } = this.world;
    const release = (held: Lease): Promise<void> => held.release();
    if (settings.adoptions !== true) return release;
    const offer = (lease: LeaseJson): void => {
      offers.push(lease);
      if (offers.length > MOST_OFFERS) offers.shift();
    };
    const { lease, resources, ttlMs } = holding;
    if (rng.chance(0.4)) {
      checker.offered(holding);
      offer(lease.toJSON());
      return release;
    }
    if (rng.chance(0.3)) return release;
    return async (held) => {
      try {
        this.#keys.mayRemain(resources, 1.2 * ttlMs + LONGEST_NODE_TIMEOUT_MS);
        offer(await held.transfer());
      } catch (error) {
        if (!(error instanceof LeaseLostError))
          checker.report('no unexpected error', `transfer: ${String(error)}`);
        await held.release();
      }
    };
  }

  async #cron(resource: string, rng: Rng): Promise<void> {
    const { cronPeriodMs, ttlsMs, retry } = this.world.settings;
    const ttlMs = cronTtlMs(ttlsMs, retry);
    for (;;) {
      const tick = (Math.floor(this.process.wallMs() / cronPeriodMs) + 1) * cronPeriodMs;
      // Node's timers may fire a millisecond early. Cron libraries then sleep again.
      for (let left = 1; left > 0; left = tick - this.process.wallMs()) {
        // The limit lets the loop end though the clock may be stepped back meanwhile.
        await this.process.sleep(Math.min(left, 1_000));
        if (this.#stopping) return;
      }
      this.world.ticks.requested(resource, tick);
      await this.#runTick({ resource, tick, ttlMs }, rng);
    }
  }

  async #runTick(it: ClientTick, rng: Rng): Promise<void> {
    const { settings, checker } = this.world;
    const { resource, tick, ttlMs } = it;
    const { retry, deaths, cronPeriodMs } = settings;
    const diesWhile = deaths > 0 && rng.chance(deaths) ? rng.pick(DEATHS) : undefined;
    if (diesWhile === 'claiming') this.#dieWithin(LONGEST_STEP, rng);
    this.claimed.add(it);
    const first = await this.#acquire([resource], { ttlMs, tick });
    this.claimed.delete(it);
    const lease = first ?? (retry ? await this.#acquireAgain(it) : undefined);
    if (lease === undefined) return;
    checker.started(resource, tick, lease.attempt!, this.name, first === undefined);
    this.running.set(it, checker.runsOf(resource, tick));
    const holdMs = rng.chance(0.7) ? rng.between(0, 5) : rng.between(0, 0.3) * cronPeriodMs;
    if (diesWhile === 'running') this.#dieLater(rng.between(0, holdMs));
    const finish = !retry || !rng.chance(FAILING_RUNS);
    await this.#hold(
      checker.granted(this.name, this.process, lease, ttlMs),
      holdMs,
      { ttlMs },
      rng,
      (held) => {
        if (diesWhile === 'releasing') this.#dieWithin(LONGEST_STEP / 2, rng);
        void held.finished().then((recorded) => recorded && checker.finished(resource, tick));
        return held.release({ finish });
      },
    );
    if (finish) this.running.delete(it);
  }

  /** Waits for the end of the run of another worker, or of its lease. */
  async #acquireAgain(it: ClientTick): Promise<Lease | undefined> {
    const { resource, tick, ttlMs } = it;
    const waitMs = Math.floor(0.8 * this.world.settings.cronPeriodMs);
    this.awaited.add(it);
    const lease = await this.#acquire([resource], { ttlMs, tick, retry: true, waitMs });
    this.awaited.delete(it);
    return lease;
  }

  #dieWithin(steps: number, rng: Rng): void {
    const { leastMs, meanJitterMs } = this.world.settings.latency;
    this.#dieLater(rng.between(0, steps * (2 * leastMs + meanJitterMs)));
  }

  #dieLater(delayMs: number): void {
    this.#deaths.push(this.process.setTimer(() => this.world.dies(this), delayMs));
  }

  async #acquire(
    resources: readonly string[],
    options: AcquireOptions,
    abandonMs?: number,
    routine?: Routine,
  ): Promise<Lease | undefined> {
    const { world, process } = this;
    const nodeTimeoutMs = nodeTimeoutOf(options);
    const attemptMs = ACQUIRE_ROUNDS * (TIMEOUTS_A_ROUND * nodeTimeoutMs + LONGEST_YIELD_MS + SLACK_MS);
    const pausesMs = (options.retries ?? 0) * (1.5 * (options.retryDelayMs ?? 0) + nodeTimeoutMs);
    const withinMs = (1 + (options.retries ?? 0)) * attemptMs + pausesMs + 2 * (options.waitMs ?? 0);
    const abandoned = new AbortController();
    if (abandonMs !== undefined) process.setTimer(() => abandoned.abort(ABANDONED), abandonMs);
    this.#keys.begin(resources);
    let leftMs = nodeTimeoutMs;
    try {
      const all = { ...options, signal: abandoned.signal };
      const acquiring = routine?.begin(this.manager, resources, all) ?? this.manager.acquire(resources, all);
      const lease = await this.#calls.within(`acquire ${resources.join('+')}`, withinMs, acquiring);
      world.trace.note(() => `${this.name} has ${resources.join('+')} with ${lease.token}`);
      return lease;
    } catch (error) {
      world.trace.note(() => `${this.name} does not have ${resources.join('+')}: ${String(error)}`);
      if (error instanceof LockNotAcquiredError && error.run?.state === 'started')
        world.ticks.refusedAsStarted(resources[0]!, error.run.tick);
      // Requests in transit go on in the background.
      if (error === ABANDONED) leftMs = TIMEOUTS_A_ROUND * nodeTimeoutMs;
      else if (!isExpected(error)) world.checker.report('no unexpected error', `acquire: ${String(error)}`);
      return undefined;
    } finally {
      this.#keys.end(resources);
      this.#keys.mayRemain(resources, leftMs);
    }
  }

  async #hold(
    holding: Holding,
    holdMs: number,
    options: AcquireOptions,
    rng: Rng,
    end = (held: Lease): Promise<void> => held.release(),
  ): Promise<void> {
    const { lease, resources, ttlMs } = holding;
    const { checker } = this.world;
    const until = this.process.now() + holdMs;
    // Some workers ignore the signal. The store compares tokens because of them.
    const careless = rng.chance(0.2);
    // The keys of a lost lease may remain until its holder has stopped.
    let isStopping = false;
    const onLoss = (): void => {
      checker.lost(holding);
      isStopping = true;
      this.#keys.begin(resources);
    };
    lease.signal.addEventListener('abort', onLoss, { once: true });
    for (let write = 0; this.process.now() < until && !this.#stopping; write++) {
      if (lease.signal.aborted && !careless) break;
      this.#write(holding, rng);
      if (rng.chance(0.05)) {
        // A shorter TTL must not shorten the lease.
        const askedMs = rng.pick([ttlMs, Math.ceil(ttlMs / 3)]);
        const extending = lease.extend(askedMs).catch(() => undefined);
        await this.#calls.within('extend', ttlMs + SLACK_MS, extending);
      }
      const pauseMs = Math.min(1 + rng.exponential(ttlMs / 3), LONGEST_PAUSE_MS);
      await this.process.sleep(Math.min(until - this.process.now(), pauseMs));
    }
    this.#write(holding, rng);
    const releasing = end(lease);
    checker.ended(holding);
    // A loss that comes now is none: it would let the keys remain for good.
    lease.signal.removeEventListener('abort', onLoss);
    if (isStopping) this.#keys.end(resources);
    this.#keys.mayRemain(resources, nodeTimeoutOf(options) + (options.minHoldMs ?? 0));
    this.world.trace.note(() => `${this.name} releases ${resources.join('+')}`);
    await this.#calls.within('release', nodeTimeoutOf(options) + SLACK_MS, releasing);
  }

  /** A write takes some time to reach the store. */
  #write({ resources, token, order }: Holding, rng: Rng): void {
    const { store, timeline } = this.world;
    for (const resource of resources)
      timeline.after(rng.exponential(5), () => store.write(resource, token, order));
  }
}

const nodeTimeoutOf = ({ ttlMs = 0, nodeTimeoutMs }: AcquireOptions): number =>
  nodeTimeoutMs ?? Math.min(250, Math.floor(ttlMs / 3));

const ABANDONED = new Error('abandoned');

const isExpected = (error: unknown): boolean =>
  error instanceof LockNotAcquiredError ||
  error instanceof QuorumUnreachableError ||
  error instanceof LockManagerClosedError;

/** The TTL of a run. A retry has to come before the next tick. */
export const cronTtlMs = (ttlsMs: readonly number[], retry: boolean): number =>
  retry ? Math.min(...ttlsMs) : Math.max(...ttlsMs);

/** The true time at which a tick is due. */
export const trueTimeOfTick = (tick: number): number => tick - EPOCH_MS;
