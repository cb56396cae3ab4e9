import { checkedSchedule } from '../../core/nominal-tick.js';
import type { PastRun } from '../../core/run-history.js';
import type { RunOnceOptions, RunResult, TickWatch, WatchTicksOptions } from '../../api/run.js';
import { shortened } from '../../api/bounded-text.js';
import { joinLease } from '../lease/current-lease.js';
import { checkName, LONGEST_NAME } from '../validation/checks.js';
import { assertResource } from '../validation/resources.js';
import { readRunOptions, readWatchOptions } from '../validation/run-options.js';
import { partOf, runAs } from './current-run.js';
import type { RunRoutine } from './run-body.js';
import { wallMs, type RunContext } from './run-context.js';
import { RunOnce } from './run-once.js';
import { TickWatcher } from './tick-watcher.js';

/** The scheduled runs of a manager: what it is asked to run, or to watch. */
export class Runs {
  readonly #context: RunContext;
  /** The keys that are also elections, and that were warned of. */
  readonly #warnedOf = new Set<string>();
  readonly #draining = new AbortController();

  constructor(context: Omit<RunContext, 'draining'>) {
    this.#context = { ...context, draining: this.#draining.signal };
  }

  /** The manager grants nothing any more: what waits for its turn learns it now. */
  drain(): void {
    this.#draining.abort();
  }

  async runOnce<T>(options: RunOnceOptions, routine: RunRoutine<T>): Promise<RunResult<T>> {
    const run = readRunOptions(options, wallMs(this.#context));
    if (typeof routine !== 'function') throw new TypeError('runOnce takes a routine as its last argument');
    const { key } = options;
    assertResource(key, 'key');
    const { manager, resolve, declare } = this.#context;
    const acquireOptions = { ...run.acquireOptions, name: run.acquireOptions.name ?? defaultName(key) };
    const terms = resolve(acquireOptions);
    declare(acquireOptions.name);
    // Inside a run of the same key it is a part of that one, unless that one is for an earlier tick or none.
    const asked = { signal: acquireOptions.signal, tick: run.tick };
    const joined = joinLease([key], manager, asked, (lease) => {
      const part = partOf(lease);
      return runAs(part, () => routine(part, lease));
    });
    if (joined !== undefined) return { ran: true, value: await joined, attempt: undefined };
    this.#warnIfElection(key);
    return new RunOnce(this.#context, key, { ...run, acquireOptions }, terms, routine).run();
  }

  watch(options: WatchTicksOptions, perform: (tick: number) => unknown): TickWatch {
    const policy = readWatchOptions(options);
    if (typeof perform !== 'function')
      throw new TypeError('watchTicks takes a function as its last argument');
    const { key, schedule } = options;
    assertResource(key, 'key');
    const name = checkName(options.name ?? defaultName(key));
    const watched = { key, name, schedule: checkedSchedule(schedule), policy, perform };
    return new TickWatcher(this.#context, watched, this.#context.started());
  }

  /** Warns once for a key that is held for as long as somebody leads. */
  #warnIfElection(key: string): void {
    const { isElection, warn } = this.#context;
    if (this.#warnedOf.has(key) || !isElection(key)) return;
    this.#warnedOf.add(key);
    warn(`the job "${shortened(key)}" has the name of an election: it does not run while somebody leads`);
  }

  async history(key: string): Promise<readonly PastRun[]> {
    assertResource(key, 'key');
    return this.#context.history(key);
  }
}

const defaultName = (key: string): string => key.slice(0, LONGEST_NAME);
