import { format } from 'node:util';
import {
  assertResource,
  assertRunOptions,
  LeaseLostError,
  type LockManager,
  type RunOnceOptions,
} from '../index.js';

/** The interface of node-cron that decides which worker runs a task. */
export interface RunCoordinator {
  shouldRun(key: string, ttlMs: number): Promise<boolean>;
  onComplete(key: string): Promise<void>;
}

/** The options of `coordinator`, for all tasks. */
export interface CoordinatorOptions extends Pick<RunOnceOptions, 'abandoned' | 'attempts' | 'nodeTimeoutMs'> {
  /**
   * The beginning of the resource of a task; its name follows.
   * @default 'node-cron:'
   */
  readonly prefix?: string | undefined;
  /**
   * Hears that a task lost its lease while it ran. Another worker may run the next tick at the same time;
   * node-cron has no way to stop the task.
   * @default a warning of the process
   */
  readonly onLost?: ((task: string, error: Error) => void) | undefined;
}

/** A key of node-cron: the name of the task and the scheduled time, the same on every worker. */
const KEY = /^(.+):(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)$/s;
const KNOWN = ['prefix', 'onLost', 'abandoned', 'attempts', 'nodeTimeoutMs'];
const LONGEST_NAME = 128;
const SHORTEST_TTL_MS = 10;

/**
 * Makes a coordinator for tasks with `distributed: true`: each scheduled time runs on one of all workers. The
 * lock of a task is held, and extended, from `shouldRun` to `onComplete`. Where no majority of the nodes can
 * be reached, `shouldRun` rejects, and node-cron skips the task and logs the reason.
 *
 * ```ts
 * setRunCoordinator(coordinator(locks));
 * schedule('0 2 * * *', bill, { name: 'nightly', distributed: true });
 * ```
 */
export function coordinator(locks: LockManager, options: CoordinatorOptions = {}): RunCoordinator {
  // Not the value: options with a password may stand in the wrong place.
  if (!isManager(locks)) throw new TypeError(`coordinator takes a LockManager, got ${typeof locks}`);
  checkKnown(options);
  const { prefix = 'node-cron:', onLost = warnOfLoss, ...settings } = options;
  if (typeof prefix !== 'string') throw new TypeError(`prefix must be a string, got ${typeof prefix}`);
  if (typeof onLost !== 'function') throw new TypeError(`onLost must be a function, got ${typeof onLost}`);
  // A mistake is told at once, not at the first tick.
  assertRunOptions({ ...settings, key: `${prefix}task` }, 'coordinator');
  const runs = new TaskRuns(locks, { prefix, onLost, settings });
  return {
    shouldRun: (key, ttlMs) => runs.begin(key, ttlMs),
    onComplete: (key) => runs.end(key),
  };
}

/**
 * Sets the coordinator of node-cron. The argument is the package: `coordinateWith(nodeCron, locks)`.
 *
 * @throws TypeError when the package has no coordinators, because it is older than 4.6.
 */
export function coordinateWith(
  nodeCron: { setRunCoordinator(coordinator: RunCoordinator): void },
  locks: LockManager,
  options: CoordinatorOptions = {},
): void {
  if (typeof (nodeCron as { setRunCoordinator?: unknown } | undefined)?.setRunCoordinator !== 'function') {
    const why = isManager(nodeCron)
      ? 'coordinateWith takes node-cron, then a LockManager'
      : 'node-cron must be 4.6 or newer: this one has no setRunCoordinator';
    throw new TypeError(why);
  }
  nodeCron.setRunCoordinator(coordinator(locks, options));
}

const isManager = (given: unknown): boolean =>
  typeof (given as Partial<LockManager> | undefined)?.runOnce === 'function';

/** Most options of `runOnce` mean nothing here: node-cron decides when a task runs, and how often. */
function checkKnown(options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('coordinator takes an object of options');
  const unknown = Object.keys(options).find((option) => !KNOWN.includes(option));
  if (unknown !== undefined)
    throw new TypeError(
      `coordinator: unknown option "${unknown.slice(0, 80)}"; the options are ${KNOWN.join(', ')}`,
    );
}

function readKey(key: string): { readonly task: string; readonly tick: number } {
  const [, task, instant] = (typeof key === 'string' && KEY.exec(key)) || [];
  const tick = Date.parse(instant ?? '');
  if (task === undefined || Number.isNaN(tick)) {
    throw new RangeError(
      `the key of the coordinator must be the name of a task and its scheduled time, such as ` +
        `"nightly:2026-01-01T02:00:00.000Z", got ${String(key).slice(0, 100)}`,
    );
  }
  return { task, tick };
}

/** A run of this process: what ends it, and when it has ended. */
interface TaskRun {
  readonly end: () => void;
  readonly ended: Promise<unknown>;
}

/** The options of all runs. */
interface TaskRunsOptions {
  readonly prefix: string;
  readonly onLost: NonNullable<CoordinatorOptions['onLost']>;
  readonly settings: Omit<CoordinatorOptions, 'prefix' | 'onLost'>;
}

/** The runs of tasks that this process has the locks for, by the keys of node-cron. */
class TaskRuns {
  readonly #running = new Map<string, TaskRun>();

  constructor(
    private readonly locks: LockManager,
    private readonly options: TaskRunsOptions,
  ) {}

  /** Resolves to whether this process runs the task. Its lock is held until `end`. */
  begin(key: string, ttlMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const { prefix, settings } = this.options;
      const { task, tick } = readKey(key);
      const resource = `${prefix}${task}`;
      assertResource(resource, 'the key of the coordinator');
      const ttl = Number.isFinite(ttlMs) ? { ttlMs: Math.max(SHORTEST_TTL_MS, Math.floor(ttlMs)) } : {};
      const run = { ...settings, ...ttl, key: resource, tick, name: task.slice(0, LONGEST_NAME) };
      /** Set when this call runs the task; one that is refused must not forget the run of another. */
      let own: TaskRun | undefined;
      let hasEnded = false;
      const ended = this.locks
        .runOnce(run, async ({ signal }, lease) => {
          // At once, and not when the task has ended: nothing else tells that it goes on without its lock.
          signal.addEventListener('abort', () => {
            const reason: unknown = signal.reason;
            if (!hasEnded && reason instanceof LeaseLostError) this.#tellLoss(task, reason);
          });
          await new Promise<void>((resolveEnd) => {
            const end = (): void => {
              // Tells a loss that no timer could tell, because the task blocked the event loop.
              lease.remainingMs();
              hasEnded = true;
              resolveEnd();
            };
            own = { end, ended };
            this.#running.set(key, own);
            resolve(true);
          });
        })
        .then(({ ran }) => resolve(ran))
        .catch((error: unknown) => {
          reject(error instanceof Error ? error : new Error(format('%s', error)));
        })
        .finally(() => {
          if (this.#running.get(key) === own) this.#running.delete(key);
        });
    });
  }

  /** The task has ended. Resolves when its lock is released. */
  async end(key: string): Promise<void> {
    const run = this.#running.get(key);
    run?.end();
    await run?.ended;
  }

  /** Nobody waits for what `onLost` does: what goes wrong in it is a warning. */
  #tellLoss(task: string, error: Error): void {
    const { onLost } = this.options;
    const told = (async () => onLost(task, error))();
    void told.catch((failure: unknown) => warn(`onLost of "${task}" failed: ${messageOf(failure)}`));
  }
}

const warn = (message: string): void => process.emitWarning(message, 'QuorlockWarning');

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : format('%s', error));

const warnOfLoss = (task: string, error: Error): void =>
  warn(`the task "${task}" goes on without its lock: ${error.message}`);
