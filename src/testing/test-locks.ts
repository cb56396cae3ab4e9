import { inspect } from 'node:util';
import type { Clock } from '../clock.js';
import { assertResource, LockManager, type LockEvent, type LockManagerOptions } from '../index.js';
import { nextTurn } from './event-loop.js';
import { RecordedCalls, type TestCall } from './recorded-calls.js';
import { TestClock } from './test-clock.js';
import { TestNode } from './test-node.js';

/** The options of `testLocks`: those of a `LockManager` without its nodes, and its clock. */
export interface TestLocksOptions<C extends Clock = TestClock> extends Omit<
  LockManagerOptions,
  'nodes' | 'maxStallMs'
> {
  /**
   * Whose time it is. `systemClock` is the time of the machine, or of the fake timers that stand for it.
   * @default a new `TestClock`, in which time passes when the test says so
   */
  readonly clock?: C | undefined;
}

/** What another worker holds. */
export interface HeldByOther {
  /** The value of its key, as `Lease.holderId`. */
  readonly holderId: string;
  /** Releases it; who waits for it gets it. */
  release(): Promise<void>;
}

const NODES = 3;
const YEAR_MS = 365 * 24 * 3_600_000;
const LONGEST_TTL_MS = 2 ** 31 - 1;

/**
 * A `LockManager` for a test, on three nodes in memory; what other workers and failures do to its locks; and
 * what became of its calls. Made by `testLocks()`.
 */
export class TestLocks<C extends Clock = TestClock> {
  /** Give it to the code under test. */
  readonly manager: LockManager;
  readonly clock: C;
  readonly #nodes: readonly TestNode[];
  readonly #recorded = new RecordedCalls();
  readonly #others = new Set<HeldByOther>();
  #holders = 0;

  constructor(clock: C, options: Omit<LockManagerOptions, 'nodes'>) {
    this.clock = clock;
    this.#nodes = Array.from({ length: NODES }, (_, index) => new TestNode(`node-${index + 1}`, clock));
    const defaults = { holder: 'this-worker', maxTtlMs: LONGEST_TTL_MS, warn: () => undefined };
    this.manager = new LockManager(
      { ...defaults, ...options, nodes: this.#nodes },
      { clock, random: () => 0.5 },
    );
    this.manager.subscribe(this.#recorded.listener);
  }

  /** All events of the manager, since the beginning or the last `reset`. */
  get events(): readonly LockEvent[] {
    return this.#recorded.events;
  }

  /** What became of each call of the manager, in the order of the calls. */
  get calls(): readonly TestCall[] {
    return this.#recorded.calls;
  }

  /** The calls for one resource, or with one name. */
  callsOf(nameOrResource: string): readonly TestCall[] {
    return this.calls.filter(
      ({ name, resources }) => name === nameOrResource || resources.includes(nameOrResource),
    );
  }

  /** How often the body of such a call began. */
  ran(nameOrResource: string): number {
    return this.callsOf(nameOrResource).filter(({ ran }) => ran).length;
  }

  /**
   * Another worker holds the resource, until it is released or `ttlMs` have passed; the default is a
   * year. Rejects if the manager of the test holds it.
   */
  async hold(resource: string, options: { owner?: string; ttlMs?: number } = {}): Promise<HeldByOther> {
    assertResource(resource);
    checkHold(options);
    const { owner = 'another-worker', ttlMs = YEAR_MS } = options;
    const holder = await this.#holderOf(resource);
    if (holder !== undefined)
      throw new Error(`"${resource}" is held by ${holder}; lose() takes it from the manager of the test`);
    return this.#take(resource, owner, ttlMs);
  }

  /**
   * Another worker takes what the manager of the test holds, as if the keys had expired. A manager notices
   * that when it extends its lease; a `TestClock` is turned until it has. With another clock, let the TTL
   * pass. Rejects if the manager does not hold the resource.
   */
  async lose(resource: string): Promise<HeldByOther> {
    assertResource(resource);
    const holder = await this.#holderOf(resource);
    const isOther = [...this.#others].some(({ holderId }) => holderId === holder);
    if (holder === undefined || isOther)
      throw new Error(`"${resource}" cannot be lost: the manager of the test does not hold it`);
    const call = this.callsOf(resource).findIndex(({ state }) => state === 'running');
    const other = this.#take(resource, 'another-worker', YEAR_MS, holder);
    if (this.clock instanceof TestClock) {
      const isNoticed = (): boolean => this.callsOf(resource)[call]?.state !== 'running';
      await this.clock.advanceUntil(isNoticed, LONGEST_TTL_MS);
    }
    return other;
  }

  /** Makes this many of the three nodes unreachable; by default all. */
  unreachable(nodes: number = NODES): Promise<void> {
    return this.#set(nodes, { status: 'unreachable', reason: 'the test made it unreachable' });
  }

  /**
   * Puts this many of the three nodes into quarantine, as after a restart without their data; by default
   * all.
   */
  quarantine(nodes: number = NODES): Promise<void> {
    return this.#set(nodes, { status: 'untrusted', reason: 'the test put it into quarantine' });
  }

  /** All nodes vote again. */
  recover(): Promise<void> {
    return this.#set(NODES, { status: 'ready' });
  }

  /**
   * Before the next test: all nodes vote, other workers hold nothing, and calls that are over are forgotten.
   */
  async reset(): Promise<void> {
    await this.recover();
    await Promise.all([...this.#others].map((other) => other.release()));
    await nextTurn();
    this.#recorded.clear();
  }

  /** Closes the manager. */
  close(): Promise<void> {
    return this.manager.close();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #holderOf(resource: string): Promise<string | undefined> {
    return (await this.#nodes[0]!.inspectForOther(resource)).owner;
  }

  /** Asks all nodes in one go, so that nobody comes between the release and the acquisition. */
  #take(resource: string, owner: string, ttlMs: number, holderBefore?: string): HeldByOther {
    const holderId = `${String(++this.#holders).padStart(32, '0')}@${owner}`;
    const resources = [resource];
    const seed = Math.floor(this.clock.stamp().wallMs) * 1_000;
    const ours = { resources, holderId };
    for (const node of this.#nodes) {
      if (holderBefore !== undefined)
        void node.voteForOther({ op: 'release', resources, holderId: holderBefore, keepMs: 0 });
      const deadlineAt = Number.POSITIVE_INFINITY;
      void node.voteForOther({ ...ours, op: 'acquire', ttlMs, deadlineAt, seed, tick: undefined, tokens: 1 });
    }
    const other: HeldByOther = {
      holderId,
      release: async () => {
        this.#others.delete(other);
        await Promise.all(
          this.#nodes.map((node) => node.voteForOther({ ...ours, op: 'release', keepMs: 0 })),
        );
      },
    };
    this.#others.add(other);
    return other;
  }

  /** The last ones of the list, so that the first is the last to go. */
  async #set(nodes: number, state: TestNode['state']): Promise<void> {
    if (!Number.isInteger(nodes) || nodes < 0 || nodes > NODES)
      throw new RangeError(`nodes must be an integer from 0 to ${NODES}, got ${String(nodes)}`);
    this.#nodes.forEach((node, index) => {
      node.state = index >= NODES - nodes ? state : { status: 'ready' };
    });
    await nextTurn();
  }
}

/** Throws for what would hold nothing, or would be told as another owner's name. */
function checkHold(options: object | null): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`hold takes an object of options, got ${String(options)}`);
  const { owner, ttlMs, ...others } = options as Partial<Record<'owner' | 'ttlMs', unknown>>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new TypeError(`hold: unknown option "${unknown}"; the options are owner, ttlMs`);
  if (owner !== undefined && (typeof owner !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(owner)))
    throw new RangeError(
      `owner must be 1 to 128 printable ASCII characters without spaces, got ${inspect(owner)}`,
    );
  if (ttlMs !== undefined && (!Number.isSafeInteger(ttlMs) || Number(ttlMs) < 1))
    throw new RangeError(`ttlMs must be an integer from 1, got ${inspect(ttlMs)}`);
}

/**
 * Makes a `LockManager` for a test, with switches for all that can happen to its locks. It needs no Redis, no
 * timers and no time.
 */
export function testLocks(options?: TestLocksOptions): TestLocks;
export function testLocks<C extends Clock>(
  options: TestLocksOptions<C> & { readonly clock: C },
): TestLocks<C>;
export function testLocks(given: TestLocksOptions<Clock> = {}): TestLocks<Clock> {
  if (typeof given !== 'object' || (given as object | null) === null)
    throw new TypeError(`testLocks takes an object of options, got ${inspect(given)}`);
  const { clock, ...options } = given;
  if (clock !== undefined && typeof (clock as Partial<Clock> | null)?.now !== 'function')
    throw new TypeError('clock must be a TestClock, systemClock, or another Clock');
  if ('nodes' in options) throw new TypeError('testLocks has nodes of its own: leave the option nodes out');
  return new TestLocks(clock ?? new TestClock(), options);
}
